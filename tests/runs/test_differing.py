import json

import pytest
from scored_runs import scored_run

from jaxseg.runs.differing import differing, environment, settings
from jaxseg.runs.scored import read_scored


@pytest.fixture
def first(tmp_path):
    return scored_run(tmp_path / "first")


@pytest.mark.parametrize(
    ("changes", "differ"),
    [
        ({"seed": 3}, []),
        ({"data__cache_dir": "elsewhere", "train__log_every": 3}, []),  # what a resumed run may change
        ({"model__attention": "sa"}, ["model.attention"]),
        ({"digests": {"00L": {"image": "another", "mask": "m00L"}}}, ["data: test"]),
    ],
)
def test_a_model_is_its_settings_and_images(first, tmp_path, changes, differ):
    other = scored_run(tmp_path / "other", **changes)
    assert list(differing({str(run): settings(read_scored(run, "test")) for run in (first, other)})) == differ


def test_how_it_was_scored_is_part_of_it(first):
    before = settings(read_scored(first, "test"))
    path = first / "eval" / "test.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scored_at": "original"}))
    assert differing({"before": before, "after": settings(read_scored(first, "test"))}) == {
        "eval/scored_at": {"before": "prepared", "after": "original"}
    }


def test_ensembles_of_other_checkpoints_are_other_models(first):
    path = first / "eval" / "test.json"
    facts, found = json.loads(path.read_text()), {}
    for which in ("best", "latest"):
        path.write_text(json.dumps(facts | {"members": [{"run": run, "checkpoint": which} for run in "ab"]}))
        found[which] = settings(read_scored(first, "test"))
    assert differing(found) == {"eval/checkpoint": {"best": "best", "latest": "latest"}}


def test_software_differs_and_what_is_not_there_is_absent(first, tmp_path):
    other = scored_run(tmp_path / "other", jax="0.11", processor="Xeon")
    told = [environment(read_scored(run, "test")) for run in (first, other)]
    assert differing(dict(zip("ab", told, strict=True))) == {
        "packages.jax": {"a": "0.10", "b": "0.11"},
        "processor": {"a": "EPYC", "b": "Xeon"},
    }
    (other / "environment.json").unlink()
    assert environment(read_scored(other, "test")) == {}
    assert differing({"a": {"x": None}, "b": {}}) == {"x": {"a": None, "b": "absent"}}
