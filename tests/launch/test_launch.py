"""A user's mistake ends in one line that says what is wrong and what to do, and in a non-zero exit."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def png(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


def folder(path, *, stems=("a", "b", "c")):
    rng = np.random.default_rng(0)
    for stem in stems:
        png(path / "images" / f"{stem}.png", rng.integers(0, 255, (40, 36, 3)).astype(np.uint8))
        png(path / "masks" / f"{stem}.png", (rng.random((40, 36)) < 0.3).astype(np.uint8) * 255)
    return path


def without_mask(path):
    (folder(path) / "masks" / "b.png").unlink()


def other_size(path):
    png(folder(path) / "masks" / "b.png", np.zeros((40, 35), np.uint8))


def grey_mask(path):
    png(folder(path) / "masks" / "b.png", np.full((40, 36), 7, np.uint8))


def truncated(path):
    image = folder(path) / "images" / "b.png"
    image.write_bytes(image.read_bytes()[:200])


FOLDERS = {
    "no-mask": (without_mask, ["b"]),
    "sizes": (other_size, ["b.png", "35 wide and 40 high", "36 wide"]),
    "grey": (grey_mask, ["b.png", "7"]),
    "truncated": (truncated, ["b.png"]),
    "fine": (folder, None),
}
# What stands behind --config=configs/demo_ja9.py and --workdir, and words of the line that ends it.
FLAGS = {
    "typo": (["--config.model.atention=ja3"], ["config.model has no setting 'atention' (did you mean 'attention'?)"]),
    "section": (["--config.trian.steps=3"], ["config has no section 'trian' (did you mean 'train'?)", "data, eval"]),
    "no section": (
        ["--config.network.name=unet"],
        ["config has no section 'network'; it has data", "jaxseg/config.py"],
    ),
    "elsewhere": (["--config.train.power=1"], ["no setting 'power' (did you mean '--config.optimizer.power'?)"]),
    "whole section": (["--config.train={'steps': 3}"], ["--config.train is a section", "--config.train.accumulate="]),
    "no name": (["--config.=3"], ["--config. names no setting", "--config.<section>.<name>"]),
    "past a setting": (["--config.model.attention.name=ja3"], ["config.model.attention is one setting", "=VALUE"]),
    "into options": (["--config.model.attention_options.gamma=3"], ["empty dictionary", "{'gamma': VALUE}"]),
    "mechanism": (["--config.model.attention=ja33"], ["ja33", "ja3"]),
    "type": (["--config.train.steps=many"], ["--config.train.steps is 'many'; want a whole number"]),
    "fraction": (["--config.train.steps=1.5"], ["--config.train.steps is '1.5'; want a whole number"]),
    "number": (["--config.optimizer.learning_rate=fast"], ["learning_rate is 'fast'; want a number"]),
    "truth": (["--config.data.augment.flips=maybe"], ["flips is 'maybe'; want true or false"]),
    "tuple": (["--config.data.image_size=(64 64)"], ["image_size is '(64 64)'; want values", "'(64, 64)'"]),
    "dictionary": (["--config.model.attention_options=3"], ["attention_options is '3'; want a dictionary"]),
    "no value": (["--config.train.steps"], ["--config.train.steps has no value; write --config.train.steps=VALUE"]),
    "unknown flag": (
        ["--wrkdir=x"],
        ["no flag --wrkdir (did you mean '--workdir'?)", "the flags are --config, --workdir"],
    ),
    "flag for a setting": (["--steps=3"], ["no flag --steps (did you mean '--config.train.steps'?)"]),
    "size": (["--config.model.size=huge"], ["huge", "tiny"]),
    "schedule": (["--config.optimizer.schedule=cosin"], ["cosin", "cosine"]),
    "batch": (["--config.train.devices=3"], ["batch_size 4", "devices 3"]),
    "turns": (["--config.data.name=folder", "--config.data.dir=x", "--config.data.image_size=(64, 32)"], ["64 x 32"]),
    "stray": (["runs/demo"], ["runs/demo", "--name=value"]),
}
# Config files with a mistake, and words of the line that ends the command.
CONFIGS = {
    "syntax": ("def get_config(:\n", ["syntax.py, line 1: SyntaxError: invalid syntax"]),
    "import": ("import numpi\n", ["import.py, line 1: ModuleNotFoundError: No module named 'numpi'"]),
    "raises": ("def get_config():\n    return {}['model']\n", ["raises.py, line 2: KeyError: 'model'"]),
    "function": ("steps = 3\n", ["function.py has no get_config()", "jaxseg.config.defaults()"]),
    "nothing": ("def get_config():\n    pass\n", ["nothing.py has no get_config() that returns settings"]),
}
# Other command lines; HOME stands for a folder without a run.
LINES = {
    "no config": (["train.py", "--workdir=HOME/run"], ["--config is missing: name a file with the settings"]),
    "override alone": (["train.py", "--config.train.steps=3"], ["--config is missing"]),
    "override first": (
        ["train.py", "--config.train.steps=3", "--config=configs/demo_ja9.py", "--workdir=HOME/run"],
        ["--config.train.steps=3 stands before --config"],
    ),
    "other config": (
        ["train.py", "--config=CONFIGS/demo_ja3.py", "--workdir=HOME/run"],
        ["demo_ja3.py is no file (did you mean '", "/configs/demo_ja9.py'?)", "author_like.py, chase_baseline.py"],
    ),
    "config of no folder": (
        ["train.py", "--config=demo_ja9", "--workdir=HOME/run"],
        ["demo_ja9 is no file (did you mean '", "configs/demo_ja9.py'?)", "configs/ holds author_like.py"],
    ),
    "folder for a config": (["train.py", "--config=CONFIGS", "--workdir=x"], ["is a folder", "demo_ja9.py"]),
    "empty config": (["train.py", "--config=", "--workdir=HOME/run"], ["--config is missing"]),
    "config without a value": (
        ["train.py", "--config", "--workdir=HOME/run"],
        ["--config has no value; the word after"],
    ),
    "no workdir": (["train.py", "--config=CONFIGS/demo_ja9.py"], ["--workdir is missing: name the folder of the run"]),
    "empty workdir": (["train.py", "--config=CONFIGS/demo_ja9.py", "--workdir="], ["--workdir is missing"]),
    "workdir without a value": (
        ["train.py", "--config=CONFIGS/demo_ja9.py", "--workdir", "--config.train.steps=3", "--config.seed=-1"],
        ["--workdir has no value; the word after it is '--config.train.steps=3'"],
    ),
    "no run": (["evaluate.py", "--workdir=HOME/nowhere"], ["nowhere", "--workdir"]),
    "no workdir to evaluate": (["evaluate.py"], ["--workdir is missing: name the folder of a trained run"]),
    "split": (
        ["evaluate.py", "--workdir=x", "--split=tets"],
        ["--split is 'tets' (did you mean 'test'?)", "train, val"],
    ),
    "threshold": (["evaluate.py", "--workdir=x", "--threshold=2"], ["--threshold is '2'; want a number, 0 to 1"]),
    "thresholds": (
        ["predict.py", "--workdir=x", "--images=x", "--output=y", "--threshold=0.4,a"],
        ["--threshold is '0.4,a'; want a number, 0 to 1, or one for each class with commas between them"],
    ),
    "tile": (["evaluate.py", "--workdir=x", "--tile=16"], ["--tile is '16'; want a whole number, 32 or more"]),
    "negated": (["evaluate.py", "--workdir=x", "--noflip"], ["no flag --noflip (did you mean '--noflips'?)"]),
    "config to evaluate": (["evaluate.py", "--workdir=x", "--config.seed=3"], ["no flag --config.seed", "--split"]),
    "predict": (
        ["predict.py", "--workdir=HOME", "--images=HOME", "--output=HOME/out"],
        ["no trained run", "--workdir"],
    ),
    "several missing": (
        ["predict.py", "--workdir=x"],
        ["--images is missing: name a", "; --output is missing: name the"],
    ),
    "inspect": (
        ["inspect_attention.py", "--workdir=HOME/nowhere", "--image=x.png", "--pixel=1,2"],
        ["nowhere", "--workdir"],
    ),
    "pixel": (
        ["inspect_attention.py", "--workdir=x", "--image=x.png", "--pixel=1;2"],
        ["--pixel is '1;2'; want its row and column, as in --pixel=120,64"],
    ),
    "no pixel": (["inspect_attention.py", "--workdir=x", "--image=x.png"], ["--pixel is missing: name the row"]),
    "picture": (
        ["inspect_attention.py", "--workdir=x", "--image=x.png", "--pixel=1,2", "--output=eye.jpg"],
        ["eye.jpg", ".png"],
    ),
    "depth": (["inspect_model.py", "--config=CONFIGS/demo_ja9.py", "--depth=0"], ["want a whole number, 1 or more"]),
}
INSPECTED = {
    "inspected": ["--config.model.size=micro", "--config.model.attention=none", "--config.data.patch_size=(32, 32)"],
    "own sizes": ["--config.data.patch_size=()"],
}
LAUNCHERS = sorted(path.name for path in (ROOT / "launch").glob("*.py"))


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """All the commands, run once: name -> what came of it."""
    home = tmp_path_factory.mktemp("launch")
    commands = {}

    def train(name, config, *flags):
        cache = f"--config.data.cache_dir={home / 'cache'}"
        commands[name] = ["train.py", f"--config={config}", f"--workdir={home / 'run'}", cache, *flags]

    configs = ROOT / "configs"
    for name, (make, _) in FOLDERS.items():
        if name != "fine":
            make(home / name)
            train(name, configs / "folder_ja9.py", f"--config.data.dir={home / name}",
                  "--config.data.patch_size=(32, 32)", "--config.data.holdout=1", "--config.data.test=0",
                  "--config.model.size=micro")  # fmt: skip
    for name, (flags, _) in FLAGS.items():
        train(name, configs / "demo_ja9.py", *flags)
    for name, (text, _) in CONFIGS.items():
        (home / f"{name}.py").write_text(text)
        train(name, home / f"{name}.py")
    for name, config in {"nowhere": "folder", "drive": "drive", "isic": "isic", "chase": "chase"}.items():
        train(name, configs / f"{config}_ja9.py", f"--config.data.dir={home / 'nowhere'}")
    for name, (words, _) in LINES.items():
        commands[name] = [word.replace("HOME", str(home)).replace("CONFIGS", str(configs)) for word in words]
    for name, flags in INSPECTED.items():
        commands[name] = ["inspect_model.py", f"--config={configs / 'folder_ja9.py'}", *flags]
    for launcher in LAUNCHERS:
        commands[launcher] = [launcher, "--help"]
    commands["traced"] = ["JAXSEG_TRACEBACK=1", *commands["no section"]]
    ran = subprocess.run(
        [sys.executable, Path(__file__).with_name("launches.py")],
        input=json.dumps(list(commands.values())), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    outcomes = dict(zip(commands, json.loads(ran.stdout), strict=True))
    outcomes["left behind"] = sorted(p.name for p in home.glob("run/*"))
    return outcomes


WANTED = {
    **{name: words for name, (_, words) in FOLDERS.items() if words},
    **{name: words for name, (_, words) in (FLAGS | CONFIGS | LINES).items()},
    "nowhere": ["nowhere", "no such folder"],
    "drive": ["nowhere", "https://drive.grand-challenge.org", "training/", "data.dir"],
    "isic": ["nowhere", "https://challenge.isic-archive.com", "ISIC-2017_Training_Data", "data.dir"],
    "chase": ["nowhere", "https://", "Image_01L.jpg", "data.dir"],
    "own sizes": ["data.patch_size is ()", "--config.data.patch_size="],
}


@pytest.mark.parametrize("name", WANTED)
def test_a_mistake_ends_in_one_line_with_the_cause_and_the_remedy(ended, name):
    outcome = ended[name]
    assert outcome["code"] == 1, outcome
    lines = outcome["err"].strip().splitlines()
    assert len(lines) == 1, outcome["err"]
    assert lines[0].startswith("error: ")
    assert "Traceback" not in lines[0]
    for word in WANTED[name]:
        assert word in lines[0]


def test_a_mistake_leaves_no_run_behind(ended):
    assert ended["left behind"] == []


def test_a_network_is_inspected_without_its_data(ended):
    outcome = ended["inspected"]
    assert (outcome["code"], outcome["err"]) == (0, "")
    for word in ("stem", "16 x 16 x 8", "8,518", "a training step on 4 x 32 x 32 x 3"):
        assert word in outcome["out"]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_help_says_of_every_flag_what_happens_without_it(ended, launcher):
    told = re.split(r"^  --", ended[launcher]["out"], flags=re.MULTILINE)[1:]
    assert told
    for flag in told:
        assert any(word in flag.split() for word in ("Required.", "Default:", "(default:")), flag
        assert "None" not in flag


def test_help_says_what_a_depth_is(ended):
    assert "1 shows the outermost modules, 2 the modules inside" in " ".join(ended["inspect_model.py"]["out"].split())


def test_the_whole_trace_of_a_mistake_is_shown_on_request(ended):
    assert ended["traced"]["code"] == 99
    assert "Traceback" in ended["traced"]["err"]
    assert "config has no section 'network'" in ended["traced"]["err"]
