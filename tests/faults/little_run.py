"""A run of few and small steps, started as a user does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np

from jaxseg.runs.checkpoint import load_variables

ROOT = Path(__file__).parents[2]
STEPS, EVERY = 120, 40
TIMED = ("seconds", "train/images_per_second")


def arguments(workdir, cache):
    """Return the command line, the launcher's name first."""
    settings = [
        f"data.cache_dir={cache}", "data.synthetic.size=32", "data.synthetic.train=6", "data.synthetic.val=1",
        "data.synthetic.test=1", "model.name=unet", "model.options={'width': 2}", "model.attention=none",
        "train.batch_size=2", f"train.steps={STEPS}", f"train.eval_every={EVERY}", "train.log_every=7",
        "train.ema_decay=0.9",
    ]  # fmt: skip
    config = f"--config={ROOT / 'configs/demo_ja9.py'}"
    return ["train.py", config, f"--workdir={workdir}", *(f"--config.{setting}" for setting in settings)]


def start(script, *rest):
    command = [sys.executable, ROOT / "launch" / script, *rest]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)


def finish(*command):
    """Run a command to its end, which is a good one; return what it says."""
    process = start(*command)
    out = process.communicate(timeout=300)[0]
    assert process.returncode == 0, out
    return out


def rows(workdir):
    path = workdir / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def untimed(workdir):
    """Return the log but for what is timed."""
    return [{name: value for name, value in row.items() if name not in TIMED} for row in rows(workdir)]


def assert_equal(found, wanted, *, log=True):
    """Assert that two finished runs have the same parameters, best checkpoint and log, to the last bit."""
    for which in ("latest", "best"):
        (step, theirs), (again, ours) = load_variables(wanted, which), load_variables(found, which)
        assert step == again
        assert jax.tree.structure(theirs) == jax.tree.structure(ours)
        for a, b in zip(jax.tree.leaves(theirs), jax.tree.leaves(ours), strict=True):
            np.testing.assert_array_equal(a, b)
    if log:
        assert untimed(found) == untimed(wanted)
