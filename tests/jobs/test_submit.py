"""A study submitted through submitit, whose local executor stands for a cluster."""

import json

import pytest
from test_reproduce import small

from jaxseg.jobs.submit import submit

pytest.importorskip("submitit", reason="the extra 'cluster' is not installed")


@pytest.mark.slow
def test_shards_are_jobs_that_do_the_study(tmp_path):
    made = small(tmp_path / "cache", {"plain": {}, "gated": {"model": {"attention": "pwa"}}})
    jobs = submit(made, tmp_path / "W", shards=2, options={"cluster": "local", "timeout_min": 10})
    for job in jobs:
        job.result()
    for model in ("plain", "gated"):
        assert json.loads((tmp_path / "W" / "runs" / model / "0" / "eval" / "test.json").read_text())["num_images"] == 2
    assert (tmp_path / "W" / "report.html").exists()


def test_what_submitit_does_not_take_is_told(tmp_path):
    with pytest.raises(ValueError, match="submitit does not take .*colour"):
        submit(small(tmp_path), tmp_path / "W", shards=1, options={"cluster": "local", "colour": "red"})
    with pytest.raises(ValueError, match="--submit is 3; want 1 to 2"):
        submit(small(tmp_path), tmp_path / "W", shards=3)
