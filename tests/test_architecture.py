"""What the layout promises, checked on the source itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "jaxseg").rglob("*.py"))

# A room, or a module of the top level, and the rooms it may import: arrows point down only. ``checks`` is for all.
ALLOWED = {
    "ahead": set(),
    "checks": set(),
    "counting": set(),
    "layers": set(),
    "attention": {"counting", "layers"},
    "models": {"attention", "counting", "layers"},
    "losses": set(),
    "optimizer": set(),
    "metrics": set(),
    "statistics": set(),
    "progress": set(),
    "published": set(),
    "files": set(),
    "machine": set(),
    "runs": {"files", "machine"},
    "data": {"ahead", "files", "progress", "runs"},
    "report": {"data", "files", "metrics", "models", "progress", "runs"},
    "config": {"attention", "data", "losses", "metrics", "models", "optimizer"},
    "presets": {"config"},
    "study": {"config", "data", "published"},
    "protocol": {"config", "presets"},
    "inference": {"ahead", "counting", "data", "files", "metrics", "models", "progress", "runs"},
    "training": {
        "config",
        "counting",
        "data",
        "inference",
        "interrupt",
        "losses",
        "metrics",
        "models",
        "optimizer",
        "progress",
        "runs",
    },
    "jobs": {
        "ahead",
        "attention",
        "config",
        "counting",
        "data",
        "ending",
        "files",
        "inference",
        "interrupt",
        "metrics",
        "models",
        "pages",
        "progress",
        "published",
        "report",
        "runs",
        "study",
        "training",
    },
    "pages": {
        "data",
        "files",
        "inference",
        "metrics",
        "models",
        "progress",
        "published",
        "report",
        "runs",
        "statistics",
    },
    "interrupt": set(),
    "streams": {"files"},
    "config_file": set(),
    "ending": {"interrupt", "runs"},
    "cli": {"config_file", "ending", "interrupt", "runs", "streams"},
}

# The same inside the attention room, low to high: a module may import those before it.
ATTENTION = (
    "supports", "values", "norms", "scores", "form", "lowerings", "module", "channel", "mechanisms", "maps", "costs",
    "__init__",
)  # fmt: skip


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "jaxseg").parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
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
        allowed = {*ALLOWED[room], room, "checks"}
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in sorted(used - allowed)]
    assert not wrong, wrong


def test_arrows_point_down_inside_attention_too():
    room, wrong = ROOT / "jaxseg" / "attention", []
    for path in sorted(room.rglob("*.py")):
        here = path.relative_to(room).parts[0].removesuffix(".py")
        used = {name.split(".")[2] for name in imported(path) if name.startswith("jaxseg.attention.")}
        used |= {"__init__"} if "jaxseg.attention" in imported(path) else set()
        lower = ATTENTION[: ATTENTION.index(here) + 1]  # a name that is no module comes from __init__, above all
        above = sorted(used - set(lower))
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in above]
    assert not wrong, wrong


def test_attention_shows_thirty_names_at_most():
    from jaxseg import attention

    names = [name for name in dir(attention) if not name.startswith("_")]
    assert len(names) <= 30, names


@pytest.mark.parametrize(
    ("package", "rooms"),
    [
        ("cv2", {"data"}),
        ("tensorflow_datasets", {"data"}),
        ("ml_collections", {"cli", "config", "config_file", "presets"}),
        ("orbax", {"runs"}),
        ("tensorboardX", {"runs"}),
        ("matplotlib", {"report"}),
        ("PIL", {"data"}),
        ("scipy", {"metrics", "statistics"}),
        ("skimage", {"metrics"}),
        ("submitit", {"jobs"}),
        ("mlscorecheck", {"published"}),
        ("tensorflow", set()),
        ("torch", set()),
    ],
)
def test_a_library_stays_in_its_rooms(package, rooms):
    users = {room_of(path) for path in SOURCES for name in imported(path) if name.split(".")[0] == package}
    assert users <= rooms


def test_files_and_functions_are_short():
    long = []
    folders = ("launch", "tests", "benchmarks", "configs", "docs")
    for path in SOURCES + [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]:
        if (lines := len(path.read_text().splitlines())) > 400:
            long.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 80:
                long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert not long, long


def test_nothing_asks_for_tensorflow_or_torch(tmp_path):
    """Not even where they are installed: some that tell on their importers stand first on the path."""
    for package in ("tensorflow", "torch"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("print('imported', __name__)")
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES]
    program = f"""
import importlib, pathlib, sys
sys.path.insert(0, {str(tmp_path)!r})
for name in {modules!r}:
    importlib.import_module(name)
from jaxseg import data
from jaxseg.config import defaults
from jaxseg.runs import checkpoint
from jaxseg.runs.log import MetricsLog
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
print("tensorflow" in sys.modules, "torch" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.stdout.strip() == "False False", ran.stdout + ran.stderr
