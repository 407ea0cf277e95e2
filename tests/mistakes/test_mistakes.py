"""A user's mistake ends in one line that says what is wrong and what to do, in a non-zero exit, and loses nothing."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from commands import CONFIGS, LINES, TRAIN
from damages import FOLDERS, RUNS, folder, png
from launches import launched
from settings import TOGETHER, VALUES, wrong_types

ROOT = Path(__file__).parents[2]
# Also launched as a user does: the parser of flags, a config, a setting, a folder and a run end them.
PROCESSES = "unknown flag", "config import", "model.attention=ja33", "workdir holds photographs", "pixel off the image"

WANTED = {
    **VALUES,
    **wrong_types(),
    **{name: words for name, (_, words) in (TOGETHER | LINES).items()},
    **{f"config {name}": words for name, (_, words) in CONFIGS.items()},
    **{f"folder: {name}": words for name, (_, words) in FOLDERS.items()},
    **{f"run: {name}": words for name, (_, words) in RUNS.items()},
}


def commands(home: Path, run) -> dict[str, list[str]]:
    """Return the command line of every mistake; what they are about is made in ``home``."""
    found = {}
    trained, photo = run("trained"), home / "photographs" / "photo.png"
    png(photo, np.full((40, 36, 3), 90, np.uint8))
    for name in ("a.png", "a.bmp"):
        png(home / "twins" / name, np.zeros((4, 4, 3), np.uint8))
    png(home / "full" / "masks" / "photo.png", np.zeros((4, 4), np.uint8))
    (home / "linked" / "masks").mkdir(parents=True)
    (home / "linked" / "masks" / "photo.png").symlink_to(home / "unplugged.png")

    def words(line):
        for name, path in {"HOME": home, "CONFIGS": ROOT / "configs", "RUN": trained, "PHOTO": photo}.items():
            line = [word.replace(name, str(path)) for word in line]
        return line

    for setting in (*VALUES, *wrong_types()):
        found[setting] = words([*TRAIN, f"--config.{setting}"])
    for name, (settings, _) in TOGETHER.items():
        found[name] = words([*TRAIN, *(f"--config.{setting}" for setting in settings)])
    for name, (line, _) in LINES.items():
        found[name] = words(line)
    for name, (text, _) in CONFIGS.items():
        path = home / f"{name}.py"
        path.write_bytes(text.encode(errors="surrogateescape"))
        found[f"config {name}"] = words(["train.py", f"--config={path}", "--workdir=HOME/run"])
    for name, (damage, _) in FOLDERS.items():
        path = folder(home / f"folder {name}")
        damage(path)
        small = ["data.patch_size=(32, 32)", "data.holdout=2", "data.test=0", "model.size=micro", f"data.dir={path}"]
        config = ["train.py", "--config=CONFIGS/folder_ja9.py", "--workdir=HOME/run"]
        found[f"folder: {name}"] = words([*config, *(f"--config.{setting}" for setting in small)])
    for name, (damage, _) in RUNS.items():
        damage(path := run(f"run {name}"))
        found[f"run: {name}"] = ["evaluate.py", f"--workdir={path}"]
    return found


def everything(home: Path) -> dict[str, str]:
    """Return the digest of every file below a folder, and where every link leads."""
    found = {}
    for path in sorted(set(home.rglob("*")) - set((home / "cache").rglob("*"))):
        if path.is_symlink():
            found[str(path)] = str(path.readlink())
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """All the commands, run once: name -> what came of it, and what was there before and after."""
    home = tmp_path_factory.mktemp("mistakes")
    cache = home / "cache"

    def run(name):
        with zipfile.ZipFile(ROOT / "tests" / "jobs" / "run_0_1.zip") as archive:
            archive.extractall(home / name)
        path = home / name / "config.json"
        config = json.loads(path.read_text())
        config["data"]["cache_dir"] = str(cache)
        path.write_text(json.dumps(config))
        return home / name

    lines = commands(home, run)
    before = everything(home)
    outcomes = dict(zip(lines, launched(list(lines.values())), strict=True))
    for name in PROCESSES:
        script, *arguments = lines[name]
        command = [sys.executable, ROOT / "launch" / script, *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        outcomes[f"process: {name}"] = {"code": ran.returncode, "out": ran.stdout, "err": ran.stderr}
    return outcomes, before, everything(home)


@pytest.mark.parametrize("name", [*WANTED, *(f"process: {name}" for name in PROCESSES)])
def test_a_mistake_ends_in_one_line_with_the_cause_and_the_remedy(ended, name):
    outcome = ended[0][name]
    assert outcome["code"] == 1, outcome
    lines = outcome["err"].strip().splitlines()
    assert len(lines) == 1, outcome["err"]
    assert lines[0].startswith("error: ")
    for word in WANTED[name.removeprefix("process: ")]:
        assert word in lines[0]


def test_nothing_is_lost(ended):
    """What only the training loop can refuse leaves the settings of a run that has not begun; it counts as new."""
    _, before, after = ended
    assert before.items() <= after.items()
    begun = {".lock", "config.json", "data.json", "environment.json", "preprocess.json"}
    assert {Path(path).name for path in after.keys() - before.keys()} <= begun


def test_there_are_two_hundred_mistakes():
    assert len(WANTED) >= 200
