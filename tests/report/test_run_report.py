import dataclasses
import json
import re

import pytest

from jaxseg.report import write_run
from jaxseg.report.run_report import checkpoint_rule

CONFIG = {
    "seed": 7,
    "model": {"name": "denseunet", "size": "tiny", "attention": "ja9"},
    "data": {"name": "synthetic"},
    "train": {"steps": 300, "batch_size": 4},
}


@pytest.fixture
def workdir(tmp_path, metrics_rows):
    workdir = tmp_path / "demo"
    workdir.mkdir()
    (workdir / "config.json").write_text(json.dumps(CONFIG))
    (workdir / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in metrics_rows))
    return workdir


def test_a_report_holds_every_number_and_picture_of_the_run(workdir, evaluation, predictor, records):
    path = write_run(workdir, evaluation, split="val", predictor=predictor, records=records)
    assert path == workdir / "report.md"
    text = path.read_text()
    assert text.startswith("# demo\n")
    assert "attention `ja9`, trained on `synthetic` for 300 steps of 4 images, seed 7" in text
    assert "threshold: 0.5" in text
    assert "checkpoint step: 200; checkpoint rule: best val/full/image_mean/dice" in text
    assert (workdir / "eval" / "val.md").read_text().strip() in text
    pictures = re.findall(r"!\[[^]]*\]\(([^)]*)\)", text)
    assert pictures == ["figures/val_examples.png", "figures/val_ranking.png", "figures/learning_curves.png"]
    assert all((workdir / picture).stat().st_size > 5000 for picture in pictures)
    told = json.loads((workdir / "eval" / "val.json").read_text())
    assert told["seed"] == 7
    assert told["prediction"] == "whole images"


def test_another_split_is_added_before(workdir, evaluation, predictor, records):
    for split in ("val", "test"):
        write_run(workdir, evaluation, split=split, predictor=predictor, records=records)
    text = (workdir / "report.md").read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Scores on test", "Scores on val", "Learning curves"]


def test_the_worst_median_and_best_image_are_shown(workdir, evaluation, predictor, records, drawn):
    write_run(workdir, evaluation, split="val", predictor=predictor, records=records)
    ranked = evaluation.ranked("dice", "full")
    titles = [text.get_text() for text in drawn["val_examples.png"].texts]
    assert titles == [
        "val: worst, median, best of 5 images by Dice (full image, prepared size)",
        *(
            f"{place}  ·  {row['id']}  ·  Dice {row['dice']:.4f}"
            for place, row in zip(("worst", "median", "best"), (ranked[0], ranked[2], ranked[4]), strict=True)
        ),
    ]
    shown = drawn["val_examples.png"].axes[0].images[0].get_array()
    worst = {record.id: record.image for record in records}[ranked[0]["id"]]
    assert (shown == worst).all()


@pytest.mark.parametrize(("scored_at", "way"), [("prepared", "prepared"), ("original", "photograph")])
def test_examples_are_predicted_as_they_were_scored(workdir, evaluation, predictor, records, scored_at, way):
    scored = dataclasses.replace(evaluation, scored_at=scored_at)
    write_run(workdir, scored, split="val", predictor=predictor, records=records)
    assert predictor.asked == [way] * 3


def test_the_checkpoint_rule_is_read_from_the_log(metrics_rows):
    assert checkpoint_rule(metrics_rows, 200) == "best val/full/image_mean/dice"
    assert checkpoint_rule(metrics_rows, 300) == "not the best val/full/image_mean/dice"
    training = [row for row in metrics_rows if "train/loss" in row]
    assert checkpoint_rule(training, 300) == "latest step (no val split)"
