"""What the layout promises, checked on the source itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "jaxseg").rglob("*.py"))

# A room, or a module of the top level, and the rooms it may import: arrows point down only.
ALLOWED = {
    "counting": set(),
    "layers": set(),
    "attention": {"counting", "layers"},
    "models": {"attention", "counting", "layers"},
    "losses": set(),
    "optimizer": set(),
    "metrics": set(),
    "progress": set(),
    "checkpoint": set(),
    "compilation": set(),
    "data": {"progress"},
    "inference": {"checkpoint", "compilation", "data", "metrics", "models", "progress"},
    "report": {"data", "metrics"},
    "config": {"attention", "data", "models", "optimizer"},
    "presets": {"config"},
    "training": {
        "checkpoint", "compilation", "config", "data", "evaluation", "inference", "losses", "metrics", "models",
        "optimizer", "progress",
    },
    "evaluation": {"data", "inference", "metrics", "report"},
    "inspection": {"attention", "data", "inference", "report"},
    "cli": {"training"},
}  # fmt: skip


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "jaxseg").parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "jaxseg":
            names |= {f"jaxseg.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_rooms_look_down():
    wrong = []
    for path in SOURCES:
        room = room_of(path)
        if room == "__init__":
            continue
        used = {name.split(".")[1] for name in imported(path) if name.startswith("jaxseg.")}
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in sorted(used - ALLOWED[room] - {room})]
    assert not wrong, wrong


@pytest.mark.parametrize(
    ("package", "rooms"),
    [
        ("cv2", {"data", "inference", "report"}),
        ("tensorflow_datasets", {"data"}),
        ("ml_collections", {"config", "presets", "training"}),
        ("orbax", {"checkpoint"}),
        ("matplotlib", {"report"}),
        ("tensorflow", set()),
        ("torch", set()),
    ],
)
def test_a_library_stays_in_its_rooms(package, rooms):
    users = {room_of(path) for path in SOURCES for name in imported(path) if name.split(".")[0] == package}
    assert users <= rooms


def test_functions_are_short():
    long = []
    for path in SOURCES + sorted((ROOT / "launch").glob("*.py")) + sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 80:
                long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert not long, long


def test_nothing_asks_for_tensorflow(tmp_path):
    """Not even where it is installed: one that tells on its importer stands first on the path."""
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("print('imported', __name__)")
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES]
    program = f"""
import importlib, pathlib, sys
sys.path.insert(0, {str(tmp_path)!r})
for name in {modules!r}:
    importlib.import_module(name)
from jaxseg import checkpoint, data
from jaxseg.config import defaults
from jaxseg.training.run_folder import MetricsLog
folder = pathlib.Path({str(tmp_path)!r})
settings = defaults().data.to_dict() | dict(
    cache_dir=str(folder / "cache"), synthetic=dict(kind="lesion", size=32, train=2, val=1, test=1)
)
data.load(settings).train[0]
log = MetricsLog(folder, 0)
log.write(1, dict(loss=1.0))
log.close()
saved = checkpoint.Checkpoints(folder / "checkpoints")
saved.save(1, dict(params=dict()), dict(step=1), score=None)
saved.close()
print("tensorflow" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.stdout.strip() == "False", ran.stdout + ran.stderr
