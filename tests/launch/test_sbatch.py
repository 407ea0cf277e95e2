"""The Slurm file, run by a shell as a task of an array would run it."""

import os
import subprocess
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "launch" / "reproduce.sbatch"
WORDS = ["--study=configs/studies/demo.py", "--workdir=a folder"]


@pytest.mark.parametrize(
    ("task", "most", "count", "shard"),
    [("0", "7", "8", "--shard=0/8"), ("7", "7", "8", "--shard=7/8"), ("2", "7", "2", "")],
)
def test_each_task_of_a_whole_array_does_its_shard(tmp_path, task, most, count, shard):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    array = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MAX": most, "SLURM_ARRAY_TASK_COUNT": count}
    found = subprocess.run(
        ["bash", FILE, *WORDS],
        env=os.environ | array | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    if shard:
        assert (found.returncode, found.stdout.splitlines()) == (0, ["launch/reproduce.py", shard, *WORDS])
    else:
        assert (found.returncode, found.stdout) == (1, "")
        assert "give the whole array" in found.stderr
