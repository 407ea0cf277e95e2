"""A run that is killed, or asked to stop, and started again is the run that was left alone, to the last bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxseg.runs.checkpoint import load_variables

ROOT = Path(__file__).parents[2]
STEPS, EVERY = 120, 40


def start(workdir, cache):
    command = [
        sys.executable, ROOT / "launch/train.py", f"--config={ROOT / 'configs/demo_ja9.py'}", f"--workdir={workdir}",
        f"--config.data.cache_dir={cache}", "--config.data.synthetic.size=32", "--config.data.synthetic.train=6",
        "--config.data.synthetic.val=1", "--config.data.synthetic.test=1", "--config.model.name=unet",
        "--config.model.options={'width': 2}", "--config.model.attention=none",
        "--config.train.batch_size=2", f"--config.train.steps={STEPS}", f"--config.train.eval_every={EVERY}",
        "--config.train.log_every=7", "--config.train.ema_decay=0.9",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)


def rows(workdir):
    path = workdir / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def stop_after(process, workdir, step, number):
    deadline = time.monotonic() + 240
    while not any(row["step"] > step for row in rows(workdir)):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    return process.communicate(timeout=120)[0]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    alone, stopped, cache = folder / "alone", folder / "stopped", folder / "cache"
    process = start(alone, cache)
    out = process.communicate(timeout=300)[0]
    assert process.returncode == 0, out
    process = start(stopped, cache)
    told = stop_after(process, stopped, EVERY // 2, signal.SIGTERM)
    asked = process.returncode
    process = start(stopped, cache)
    stop_after(process, stopped, EVERY + EVERY // 2, signal.SIGKILL)
    killed = process.returncode
    process = start(stopped, cache)
    out = process.communicate(timeout=300)[0]
    assert process.returncode == 0, out
    return dict(alone=alone, stopped=stopped, told=told, asked=asked, killed=killed, end=out)


def test_sigterm_saves_says_so_and_leaves(runs):
    assert runs["asked"] == 128 + signal.SIGTERM
    assert "and saved; the same command goes on from there" in runs["told"]


def test_the_killed_run_went_on_from_its_checkpoint(runs):
    assert runs["killed"] == -signal.SIGKILL
    assert "going on from step " in runs["end"]


@pytest.mark.parametrize("which", ["latest", "best"])
def test_parameters_are_equal_to_the_last_bit(runs, which):
    step, alone = load_variables(runs["alone"], which)
    again, stopped = load_variables(runs["stopped"], which)
    assert step == again
    assert jax.tree.structure(alone) == jax.tree.structure(stopped)
    for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(stopped), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_log_is_equal_but_for_what_is_timed(runs):
    """The rows come every seventh step, and the run was taken up between two of them."""
    timed = ("seconds", "train/images_per_second")
    alone, stopped = (
        [{name: value for name, value in row.items() if name not in timed} for row in rows(runs[name])]
        for name in ("alone", "stopped")
    )
    assert alone == stopped
    assert [row["step"] for row in alone if "train/loss" in row] == [*range(7, STEPS, 7), STEPS]
    seconds = [row["seconds"] for row in rows(runs["stopped"])]
    assert seconds == sorted(seconds)


def test_a_finished_run_leaves_its_record(runs):
    names = {str(path.relative_to(runs["alone"])) for path in runs["alone"].rglob("*") if path.is_file()}
    assert {"config.json", "environment.json", "data.json", "preprocess.json", "metrics.jsonl", "report.md"} <= names
    assert any(name.startswith("figures/") and name.endswith(".png") for name in names)
