"""A run that is killed again and again, at moments that hurt, ends as the run that was left alone, to the last bit."""

import itertools
import json
import random
import signal
import time

import pytest
from little_run import EVERY, arguments, assert_equal, finish, rows, start

# What a kill waits for, of a run in a folder and its cache; then a moment more.
MOMENTS = {
    "the images are prepared": lambda run, cache: list(cache.glob("*.partial-*")),
    "the first settings are written": lambda run, cache: (run / "config.json").exists(),
    "a row is written": lambda run, cache: any(row["step"] > EVERY // 2 for row in rows(run)),
    "val is scored": lambda run, cache: any(row["step"] >= EVERY for row in rows(run)),
    "a checkpoint is written": lambda run, cache: list((run / "checkpoints").glob("*tmp*")),
    "the first checkpoint is there": lambda run, cache: list((run / "checkpoints").glob("[0-9]*0")),
    "tables are written": lambda run, cache: (run / "eval").exists(),
    "pictures are drawn": lambda run, cache: (run / "figures").exists(),
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("alone")
    finish(*arguments(folder / "run", folder / "cache"))
    return folder / "run"


def killed(process, ready, more):
    """Kill a process ``more`` seconds after ``ready()``; return whether that came before its end."""
    while process.poll() is None and not ready():
        time.sleep(0.002)
    time.sleep(more)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    return process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_any_number_of_kills_changes_nothing(alone, tmp_path):
    kills = 45
    draw, moments, done, finished = random.Random(kills), itertools.cycle(MOMENTS.items()), 0, 0
    while done < kills:
        run, cache = tmp_path / f"run{finished}", tmp_path / f"cache{finished}"
        for _ in range(min(5, kills - done)):
            _, ready = next(moments)
            more = draw.uniform(0, 0.1)
            if draw.random() < 0.3:
                ready, more = lambda *_: True, draw.uniform(0.3, 5)
            done += killed(start(*arguments(run, cache)), lambda: ready(run, cache), more)  # noqa: B023
        finish(*arguments(run, cache))
        assert_equal(run, alone)
        scores = [json.loads((folder / "eval" / "val.json").read_text()) for folder in (run, alone)]
        assert scores[0] == scores[1]
        finished += 1
    print(f"{done} kills, {finished} runs, each equal to the undisturbed one")


@pytest.mark.slow
@pytest.mark.parametrize("kills", [2, 10])
def test_a_killed_evaluation_leaves_a_run_that_is_evaluated(alone, tmp_path, kills):
    draw = random.Random(kills)
    evaluate = ("evaluate.py", f"--workdir={alone}", "--split=train", "--masks")
    for _ in range(kills):
        killed(start(*evaluate), lambda: True, draw.uniform(0.5, 3))
    finish(*evaluate)
    assert json.loads((alone / "eval" / "train.json").read_text())["num_images"] == 6
    assert len(list((alone / "eval" / "train_predictions" / "masks").glob("*.png"))) == 6
