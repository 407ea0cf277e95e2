"""The whole of a run with two classes: the demo's config, a network of three layers, a few steps."""

import csv
import json
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from config_files import module_of
from PIL import Image
from small import deep

from jaxseg import inference, models
from jaxseg.data import generate
from jaxseg.data.images import write_png
from jaxseg.jobs.evaluate import evaluate
from jaxseg.jobs.inspect import inspect_attention
from jaxseg.jobs.train import train
from jaxseg.metrics import chosen

ROOT = Path(__file__).parents[2]


def demo(cache):
    config = module_of(ROOT / "configs" / "demo_classes.py").get_config()
    config.model.name = "deep"
    config.model.attention = "pwa"  # cheap to compile
    config.loss.name = "dice_ce"
    config.data.cache_dir = str(cache)
    config.data.synthetic.update(size=40, train=6, val=2, test=2)
    config.train.update(steps=4, batch_size=2, eval_every=2, log_every=1)
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("classes") / "run"
    with mock.patch.dict(models.MODELS, deep=deep):  # evaluation and prediction look it up too
        train(demo(workdir.with_name("cache")), workdir)
        yield workdir


def test_the_index_of_a_class_is_its_place_in_the_config(run):
    assert list(json.loads((run / "config.json").read_text())["data"]["classes"]) == ["vessel", "disc"]
    predictor = inference.load(run)
    assert (predictor.classes, predictor.threshold) == (("vessel", "disc"), ())
    assert predictor(np.zeros((40, 40, 3), np.uint8)).shape == (40, 40, 3)
    other = demo(run.with_name("cache"))
    with other.unlocked():
        other.data.classes = {"disc": 2, "vessel": 1}
    with pytest.raises(ValueError, match=r"data.classes: \['vessel', 'disc'\] -> \['disc', 'vessel'\]"):
        train(other, run)


def test_scores_stand_by_class_and_as_their_mean(run):
    evaluate(run, "test")
    found = json.loads((run / "eval" / "test.json").read_text())
    dice = [found["classes"][name]["full"]["image_mean"]["dice"] for name in ("vessel", "disc")]
    assert found["full"]["image_mean"]["dice"] == pytest.approx(np.mean(dice), abs=1e-12)
    assert found["threshold"] is None
    rows = list(csv.DictReader((run / "eval" / "test.csv").read_text().splitlines()))
    assert list(rows[0]) == ["id", "region", "class", *chosen(), "tp", "fp", "fn", "tn"]
    assert len(rows) == 2 * 2 * 2
    table = (run / "eval" / "test.md").read_text()
    assert "class of a pixel: the most probable class; " in table
    assert "| model | mean over classes | test | full image |" in table
    assert "| model | disc | test | field of view |" in table
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    scored = [row for row in logged if "val/full/image_mean/dice" in row]
    assert len(scored) == 2
    for row in scored:
        each = [row[f"val/classes/{name}/full/image_mean/dice"] for name in ("vessel", "disc")]
        assert row["val/full/image_mean/dice"] == pytest.approx(np.mean(each), abs=1e-12)
    pictures = {path.name for path in (run / "figures").glob("*.png")}
    assert pictures >= {"test_examples.png", "test_ranking.png", "val_examples.png", "learning_curves.png"}


def test_thresholds_are_told_and_change_the_prediction(run):
    # Class after class: nothing is above 1, so the disc is nowhere, and vessels are everywhere.
    scored = evaluate(run, "test", threshold=(0.0, 1.0))
    counts = {row["class"]: (row["tp"] + row["fp"], row["tn"] + row["fn"]) for row in scored.rows}
    assert (counts["vessel"][1], counts["disc"][0]) == (0, 0)
    assert json.loads((run / "eval" / "test_threshold0.0-1.0.json").read_text())["threshold"] == [0.0, 1.0]


def test_weights_of_other_classes_are_refused(run, tmp_path):
    other = demo(run.with_name("cache"))
    other.train.init_from = str(run)
    with other.unlocked():
        other.data.classes = {"disc": 2, "vessel": 1}
    with pytest.raises(ValueError, match=r"init_from .* was trained on the classes \('vessel', 'disc'\), and this"):
        train(other, tmp_path / "other")


def test_one_number_is_a_threshold_of_one_class(run, tmp_path):
    one = tmp_path / "one"
    shutil.copytree(run, one)
    config = json.loads((one / "config.json").read_text())
    config["data"]["classes"] = {"vessel": 1}
    del config["digest"]
    (one / "config.json").write_text(json.dumps(config))
    assert inference.load(one, threshold=0.4).threshold == (0.4,)


def test_pictures_and_attention_of_a_photograph(run, tmp_path):
    write_png(tmp_path / "a.png", generate.vessels_disc(0, 5, 51)[0])
    (mask,) = inference.predict_folder(inference.load(run), tmp_path / "a.png", tmp_path / "out", progress=False)
    with Image.open(mask) as stored:
        assert (stored.mode, stored.size) == ("P", (51, 51))
    assert (tmp_path / "out" / "probabilities" / "disc" / "a.png").exists()
    assert inspect_attention(run, tmp_path / "a.png", (20, 30), output=tmp_path / "seen.png").stat().st_size > 10_000
