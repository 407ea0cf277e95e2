"""A user's mistake ends in one line that says what is wrong and what to do, and in a non-zero exit."""

import json
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
FLAGS = {
    "typo": (["--config.model.atention=ja3"], ["atention", "attention"]),
    "mechanism": (["--config.model.attention=ja33"], ["ja33", "ja3"]),
    "type": (["--config.train.steps=many"], ["steps"]),
    "size": (["--config.model.size=huge"], ["huge", "tiny"]),
    "schedule": (["--config.optimizer.schedule=cosin"], ["cosin", "cosine"]),
    "batch": (["--config.train.devices=3"], ["batch_size 4", "devices 3"]),
    "turns": (["--config.data.name=folder", "--config.data.dir=x", "--config.data.image_size=(64, 32)"], ["64 x 32"]),
    "stray": (["runs/demo"], ["runs/demo", "--name=value"]),
}
INSPECTED = {
    "inspected": ["--config.model.size=micro", "--config.model.attention=none", "--config.data.patch_size=(32, 32)"],
    "own sizes": ["--config.data.patch_size=()"],
    "depth": ["--depth=0"],
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """All the commands, run once: name -> what came of it."""
    home = tmp_path_factory.mktemp("launch")
    commands = {}

    def train(name, config, *flags):
        cache = f"--config.data.cache_dir={home / 'cache'}"
        commands[name] = [
            "train.py",
            f"--config={ROOT / 'configs' / config}",
            f"--workdir={home / 'run'}",
            cache,
            *flags,
        ]

    for name, (make, _) in FOLDERS.items():
        if name != "fine":
            make(home / name)
            train(name, "folder_ja9.py", f"--config.data.dir={home / name}", "--config.data.patch_size=(32, 32)",
                  "--config.data.holdout=1", "--config.data.test=0", "--config.model.size=micro")  # fmt: skip
    for name, (flags, _) in FLAGS.items():
        train(name, "demo_ja9.py", *flags)
    train("nowhere", "folder_ja9.py", f"--config.data.dir={home / 'nowhere'}")
    train("drive", "drive_ja9.py", f"--config.data.dir={home / 'nowhere'}")
    train("isic", "isic_ja9.py", f"--config.data.dir={home / 'nowhere'}")
    train("chase", "chase_ja9.py", f"--config.data.dir={home / 'nowhere'}")
    commands["no-config"] = ["train.py", f"--config={home / 'absent.py'}", f"--workdir={home / 'run'}"]
    commands["no-workdir"] = ["train.py", f"--config={ROOT / 'configs' / 'demo_ja9.py'}"]
    commands["no-run"] = ["evaluate.py", f"--workdir={home / 'nowhere'}"]
    commands["split"] = ["evaluate.py", f"--workdir={home}", "--split=tset"]
    for name, flags in INSPECTED.items():
        commands[name] = ["inspect_model.py", f"--config={ROOT / 'configs' / 'folder_ja9.py'}", *flags]
    commands["predict"] = ["predict.py", f"--workdir={home}", f"--images={home}", f"--output={home / 'out'}"]
    inspect = ["inspect_attention.py", f"--workdir={home / 'nowhere'}", f"--image={home / 'eye.png'}"]
    commands["inspect"] = [*inspect, "--pixel=1,2"]
    commands["pixel"] = [*inspect, "--pixel=1;2"]
    commands["no-pixel"] = inspect
    commands["picture"] = [*inspect, "--pixel=1,2", f"--output={home / 'eye.jpg'}"]
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
    **{name: words for name, (_, words) in FLAGS.items()},
    "nowhere": ["nowhere", "no such folder"],
    "drive": ["nowhere", "https://drive.grand-challenge.org", "training/", "data.dir"],
    "isic": ["nowhere", "https://challenge.isic-archive.com", "ISIC-2017_Training_Data", "data.dir"],
    "chase": ["nowhere", "https://", "Image_01L.jpg", "data.dir"],
    "no-config": ["absent.py"],
    "no-workdir": ["workdir"],
    "no-run": ["nowhere", "--workdir"],
    "split": ["tset", "train"],
    "predict": ["no trained run", "--workdir"],
    "inspect": ["nowhere", "--workdir"],
    "pixel": ["--pixel=120,64"],
    "no-pixel": ["pixel"],
    "picture": ["eye.jpg", ".png"],
}


@pytest.mark.parametrize("name", WANTED)
def test_a_mistake_ends_in_one_line_with_the_cause_and_the_remedy(ended, name):
    outcome = ended[name]
    assert 0 < outcome["code"] < 99, outcome
    lines = outcome["err"].strip().splitlines()
    assert len(lines) == 1, outcome["err"]
    assert lines[0].startswith("error: ")
    for word in WANTED[name]:
        assert word in lines[0]


def test_a_mistake_leaves_no_run_behind(ended):
    assert ended["left behind"] == []


def test_a_network_is_inspected_without_its_data(ended):
    outcome = ended["inspected"]
    assert (outcome["code"], outcome["err"]) == (0, "")
    for word in ("stem", "16 x 16 x 8", "8,518", "a training step on 4 x 32 x 32 x 3"):
        assert word in outcome["out"]
