"""A whole run whose threshold a rule chooses on val: one small network, no training to speak of."""

import json

import numpy as np
import pytest
from little import little

from jaxseg import data, inference
from jaxseg.jobs.evaluate import evaluate
from jaxseg.jobs.train import train
from jaxseg.metrics import TemperatureSearch, ThresholdSearch, tempered
from jaxseg.runs.folder import read_config


def demo(cache):
    config = little(cache, val=3, steps=2)
    config.eval.threshold_rule = "dice"
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("rule") / "run"
    train(demo(workdir.with_name("cache")), workdir)
    return workdir


def told(run, name):
    return json.loads((run / "eval" / f"{name}.json").read_text())


def test_val_chooses_and_every_later_prediction_uses_it(run):
    val = told(run, "val")
    predictor, search = inference.load(run), ThresholdSearch("dice")
    for record in data.load(read_config(run)["data"]).val:
        search.add(predictor.prepared(record.seen), record.mask == 1)
    assert val["threshold"] == predictor.threshold == search.best() != 0.5
    assert (val["threshold_rule"], predictor.threshold_rule) == ("dice", "dice")
    evaluate(run, "test")
    test = told(run, "test")
    assert (test["threshold"], test["threshold_rule"]) == (val["threshold"], "dice")
    words = f"threshold: {val['threshold']} (largest mean Dice on val); scored at"
    for text in ((run / "eval" / "test.md").read_text(), (run / "report.md").read_text()):
        assert words in text


def test_scored_again_val_chooses_the_same(run):
    before = told(run, "val")
    evaluate(run, "val")
    assert told(run, "val") == before


def test_another_threshold_is_the_users_and_has_its_own_files(run):
    before = told(run, "val")
    evaluate(run, "val", threshold=0.5)
    found = told(run, "val_threshold0.5")
    assert found["threshold"] == 0.5
    assert "threshold_rule" not in found
    assert told(run, "val") == before
    assert inference.load(run, threshold=0.25).threshold_rule == "fixed"


def test_other_probabilities_need_a_val_of_their_own(run):
    with pytest.raises(
        ValueError, match="'dice' has chosen no threshold for step 2, whole images, mean over four flips;"
    ):
        evaluate(run, "test", flips=True)
    evaluate(run, "val", flips=True)
    evaluate(run, "test", flips=True)
    assert told(run, "test_flips")["threshold"] == told(run, "val_flips")["threshold"]


def test_a_run_may_be_given_a_rule_once_it_is_trained(run, capsys):
    config = demo(run.with_name("cache"))
    config.eval.threshold_rule = "youden"
    train(config, run)
    assert "all 2 steps are done" in capsys.readouterr().out
    assert told(run, "val")["threshold_rule"] == inference.load(run).threshold_rule == "youden"


def test_a_temperature_is_fitted_before_the_threshold_is_chosen(run):
    config = demo(run.with_name("cache"))
    config.eval.temperature = "val"
    train(config, run)
    val, predictor = told(run, "val"), inference.load(run)
    plain, fit, search = (
        inference.load(run, threshold=0.5, temperature=1.0),
        TemperatureSearch(),
        ThresholdSearch("dice"),
    )
    records = data.load(read_config(run)["data"]).val
    for record in records:
        fit.add(plain.prepared(record.seen), record.mask == 1)
    for record in records:
        search.add(tempered(plain.prepared(record.seen), fit.best()), record.mask == 1)
    assert (val["temperature"], val["temperature_rule"]) == (fit.best(), "val")
    assert val["temperature"] == predictor.temperature != 1
    assert val["threshold"] == predictor.threshold == search.best()
    assert set(val["calibration"]["before"]) == {"ece_positive", "ece_predicted"}
    evaluate(run, "test")
    test = told(run, "test")
    assert (test["temperature"], test["threshold"]) == (val["temperature"], val["threshold"])
    assert test["calibration"] != val["calibration"]
    note = f"T = {val['temperature']:g}, which minimises cross entropy on val. Calibration on the scored images: ECE"
    assert note in (run / "report.md").read_text()
    evaluate(run, "val")  # which fits the same
    assert told(run, "val") == val
    with pytest.raises(
        ValueError, match="eval.temperature 'val' has chosen no temperature for step 2, whole images, mean"
    ):
        evaluate(run, "test", flips=True, threshold=0.5)


def test_a_threshold_of_tempered_probabilities_is_none_of_others(run):
    config = demo(run.with_name("cache"))
    path = run / "config.json"
    content = {name: value for name, value in json.loads(path.read_text()).items() if name != "digest"}
    content["eval"]["temperature"] = config.eval.temperature
    path.write_text(json.dumps(content))
    for left in (run / "eval").glob("val*.json"):  # of other tests
        if "temperature_rule" not in told(run, left.stem):
            left.unlink()
    with pytest.raises(ValueError, match="eval.threshold_rule 'dice' has chosen no threshold for step 2"):
        inference.load(run)


def test_without_val_there_is_no_rule(tmp_path):
    config = demo(tmp_path / "cache")
    config.data.synthetic.val = 0
    with pytest.raises(ValueError, match="eval.threshold_rule is 'dice'; want 'fixed': there is no val to choose on"):
        train(config, tmp_path / "run")
    config.eval.update(threshold_rule="fixed", temperature="val")
    with pytest.raises(ValueError, match="eval.temperature is 'val'; want 'none': there is no val to fit on"):
        train(config, tmp_path / "run")
    assert not np.any([path.name == "checkpoints" for path in tmp_path.rglob("*")])
