"""A study submitted through submitit, whose local executor stands for a cluster."""

import json
import sys

import pytest
from test_reproduce import small

from jaxseg.jobs.submit import submit

pytest.importorskip("submitit", reason="submitit is not installed")


def test_a_job_does_its_shard_as_the_command_says(tmp_path, monkeypatch):
    done, sent = [], []
    monkeypatch.setattr("jaxseg.jobs.submit.leave_the_gpus", lambda: done.append("the GPUs are left"))
    monkeypatch.setattr("jaxseg.jobs.submit.reproduce", lambda *given, **named: done.append((given, named)))
    monkeypatch.setattr("submitit.AutoExecutor.map_array", lambda _, *given: sent.append(given) or [])
    monkeypatch.setattr(sys, "argv", command := ["launch/reproduce.py", "--submit=2"])
    monkeypatch.chdir(tmp_path)
    made = small(tmp_path, seeds=(0, 1))
    submit(made, "W", shards=2, names=["plain"], parallel=3, options={"cluster": "local"})
    ((shard, parts),) = sent
    assert parts == ["0/2", "1/2"]
    monkeypatch.setattr(sys, "argv", ["submitit's own"])
    shard("1/2")
    assert done == ["the GPUs are left", ((made, "W"), {"names": ("plain",), "part": "1/2", "parallel": 3})]
    assert sys.argv == command


@pytest.mark.slow
def test_shards_are_jobs_that_do_the_study(tmp_path):
    made = small(tmp_path / "cache", {"plain": {}, "gated": {"model": {"attention": "pwa"}}})
    jobs = submit(made, tmp_path / "W", shards=2, options={"cluster": "local", "timeout_min": 10})
    for job in jobs:
        job.result()
    for model in ("plain", "gated"):
        assert json.loads((tmp_path / "W" / "runs" / model / "0" / "eval" / "test.json").read_text())["num_images"] == 2
        (start,) = json.loads((tmp_path / "W" / "runs" / model / "0" / "environment.json").read_text())
        assert start["command"] == [*sys.argv, f"--only={model}/0"]  # not that of submitit's own process
    assert (tmp_path / "W" / "report.html").exists()


def test_what_submitit_does_not_take_is_told(tmp_path):
    with pytest.raises(ValueError, match="submitit does not take .*colour"):
        submit(small(tmp_path), tmp_path / "W", shards=1, options={"cluster": "local", "colour": "red"})
    with pytest.raises(ValueError, match="no Slurm is found here; --submit_option=cluster=local"):
        submit(small(tmp_path), tmp_path / "W", shards=1)
    with pytest.raises(ValueError, match="--submit is 3; want 1 to 2"):
        submit(small(tmp_path), tmp_path / "W", shards=3)
