"""Runs joined to an ensemble: two small networks, no training to speak of."""

import json

import numpy as np
import pytest
from little import little

from jaxseg import data, inference
from jaxseg.jobs.compare import compare
from jaxseg.jobs.ensemble import ensemble
from jaxseg.jobs.evaluate import evaluate
from jaxseg.jobs.train import train
from jaxseg.metrics import Tally, ThresholdSearch
from jaxseg.runs.checkpoint import Checkpoints, load_variables
from jaxseg.runs.folder import read_config
from jaxseg.runs.members import read_members


def demo(cache, **changes):
    config = little(cache, val=3, steps=2, eval_every=1)
    config.eval.threshold_rule = "dice"
    config.update_from_flattened_dict(changes)
    return config


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Runs a (seed 0) and b (seed 1), and their ensemble."""
    home = tmp_path_factory.mktemp("ensembles")
    for seed, name in enumerate("ab"):
        train(demo(home / "cache", seed=seed), home / "runs" / name)
        evaluate(home / "runs" / name, "test")
    ensemble([home / "runs" / name for name in "ab"], home / "both")
    return home


def test_it_is_scored_and_reported_as_a_run_is(home, capsys):
    both = home / "both"
    evaluate(both, "val")
    evaluate(both, "test")
    predictor = inference.load(both)
    members = [inference.load(home / "runs" / name) for name in "ab"]
    splits = data.load(read_config(both)["data"])
    search = ThresholdSearch("dice")
    for record in splits.val:
        mean = np.mean([member.prepared(record.seen) for member in members], axis=0)
        np.testing.assert_allclose(predictor.prepared(record.seen), mean, atol=1e-6)
        search.add(mean.astype(np.float32), record.mask == 1)
    assert predictor.threshold == search.best()
    tally = Tally(predictor.threshold)
    for record in splits.test:
        mean = np.mean([member.prepared(record.seen) for member in members], axis=0)
        tally.add(record.id, mean.astype(np.float32), record.mask, record.fov == 1)
    told = json.loads((both / "eval" / "test.json").read_text())
    assert told["full"]["image_mean"]["dice"] == pytest.approx(tally.summary()["full"]["image_mean"]["dice"], abs=1e-6)
    steps = [member.step for member in members]
    assert told["members"] == [
        {"run": f"../runs/{name}", "seed": seed, "checkpoint": "best", "step": step}
        for seed, (name, step) in enumerate(zip("ab", steps, strict=True))
    ]
    assert told["prediction"] == "whole images, mean of 2 networks"
    report = (both / "report.md").read_text()
    assert "seeds 0, 1: the mean of 2 networks" in report
    assert f"members: ../runs/a (best, step {steps[0]}), ../runs/b (best, step {steps[1]});" in report
    assert "checkpoint step" not in report


def test_it_is_another_model_than_its_runs(home):
    evaluate(home / "both", "val")
    evaluate(home / "both", "test")
    found = compare([home / "runs" / "a", home / "runs" / "b", home / "both"])
    assert [row["seeds"] for row in found["models"]] == [[0, 1], [[0, 1]]]
    assert set(found["settings"]["networks"].values()) == {1, 2}


def test_a_member_that_was_trained_further_is_told(home, tmp_path):
    runs = [home / "runs" / name for name in "ab"]
    ensemble(runs, tmp_path / "stale")
    path = tmp_path / "stale" / "ensemble.json"
    content = {"members": json.loads(path.read_text())["members"]}
    content["members"][1]["step"] = 9
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"b: its best checkpoint is that of step \d now, and was of 9 when .*anew"):
        inference.load(tmp_path / "stale")


def test_both_checkpoints_of_a_run_are_members(home, tmp_path, capsys):
    run = copied(home / "runs" / "a", tmp_path / "run")
    _, variables = load_variables(home / "runs" / "a")
    checkpoints = Checkpoints(run / "checkpoints")
    for step, score in ((3, 0.8), (5, 0.7)):
        checkpoints.save(step, variables | {"ema": None}, {"step": step}, score=score)
    checkpoints.close()
    ensemble([run], tmp_path / "both", ("best", "latest"))
    assert [(one.checkpoint, one.step) for one in read_members(tmp_path / "both")] == [("best", 3), ("latest", 5)]
    assert inference.load(tmp_path / "both", threshold=0.5).describe() == "whole images, mean of 2 networks"
    with pytest.raises(ValueError, match="takes two networks or more, and 1 came"):
        ensemble([run, run], tmp_path / "twice")
    assert f"note: {run}, best: step 3 is a member already" in capsys.readouterr().out


def copied(run, folder, **changes):
    """Copy what a run says of itself, without its digests, with ``changes`` of a file's content; return the folder."""
    folder.mkdir()
    for name in ("config", "data", "preprocess"):
        content = json.loads((run / f"{name}.json").read_text())
        content.pop("digest")
        changes.get(name, lambda _: None)(content)
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_what_cannot_be_joined_is_refused(home, tmp_path):
    runs = [home / "runs" / name for name in "ab"]
    wider = copied(runs[1], tmp_path / "wider", config=lambda config: config["model"]["options"].update(width=3))
    with pytest.raises(
        ValueError, match=r"wider has model\.options\.width 3, and .*a 2; members of an ensemble differ in"
    ):
        ensemble([runs[0], wider], tmp_path / "new")
    with pytest.raises(ValueError, match="takes two networks or more, and 1 came"):
        ensemble(runs[:1], tmp_path / "new")
    with pytest.raises(FileExistsError, match="both is there already; name a new folder"):
        ensemble(runs, home / "both")
    with pytest.raises(ValueError, match="holds an ensemble of trained runs; choose an empty or new folder"):
        train(demo(home / "cache"), home / "both")
    with pytest.raises(ValueError, match="checkpoint is 'latest'; want 'best', its default: each member of"):
        inference.load(home / "both", "latest")
    assert not (tmp_path / "new").exists()


def test_folds_predict_together_and_are_not_scored(home, tmp_path):
    runs = []
    for fold, name in enumerate("ab"):
        run, test = home / "runs" / name, [f"of fold {fold}"]
        changes = {
            "config": lambda config, fold=fold: (
                config["data"].update(folds=2, fold=fold),
                config["eval"].update(threshold_rule="fixed"),
            ),
            "data": lambda data, test=test: data["splits"]["test"].update(ids=test),
        }
        runs.append(copied(run, tmp_path / name, **changes))
        (runs[-1] / "checkpoints").symlink_to(run / "checkpoints")
    ensemble(runs, tmp_path / "folds")
    assert len(inference.load(tmp_path / "folds").others) == 1
    with pytest.raises(
        ValueError, match="is an ensemble of runs that were trained on different images .folds., so no image is held"
    ):
        evaluate(tmp_path / "folds", "test")
