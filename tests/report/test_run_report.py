import csv
import dataclasses
import json
import re

import numpy as np
import pytest

from jaxseg import statistics
from jaxseg.pages.run import write_page
from jaxseg.report import write_run
from jaxseg.report.run_report import checkpoint_rule

CONFIG = {
    "seed": 7,
    "model": {"name": "denseunet", "size": "tiny", "attention": "ja9"},
    "data": {"name": "synthetic"},
    "train": {"steps": 300, "batch_size": 4},
    "eval": {},  # as in runs from before eval.select, whose checkpoints dice selected
}


@pytest.fixture
def workdir(tmp_path, metrics_rows):
    workdir = tmp_path / "demo"
    workdir.mkdir()
    (workdir / "config.json").write_text(json.dumps(CONFIG))
    ids = [f"eye{index}" for index in range(5)]
    held = {"num_images": 5, "ids": ids, "digests": {name: {} for name in ids}}
    splits = {"train": {"num_images": 12}, "val": held, "test": None}
    (workdir / "data.json").write_text(json.dumps({"splits": splits}))
    start = {"devices": ["cpu:cpu", "cpu:cpu"], "command": ["launch/train.py", "--config.data.dir=my images"]}
    (workdir / "environment.json").write_text(json.dumps([start, start]))
    rows = [row | {"seconds": 2.5 * row["step"]} for row in metrics_rows]
    (workdir / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return workdir


def test_a_page_holds_every_number_and_picture_of_the_run(workdir, evaluation, predictor, records):
    write_run(workdir, evaluation, split="val", predictor=predictor, records=records)
    assert write_page(workdir) == workdir / "report.html"
    text, page = (workdir / "report.md").read_text(), (workdir / "report.html").read_text()
    assert text.startswith("# demo\n")
    for words in (
        "denseunet tiny with attention ja9, trained on synthetic by cross entropy per pixel.",
        "300 steps of 4 images",
        "synthetic: 12 train, 5 val",
        "12 min, over 2 starts, with scoring and compiling",
        "2 x cpu:cpu",
        "threshold: 0.5",
        "checkpoint step: 200; checkpoint rule: best val/full/image_mean/dice",
    ):
        assert words in text
        assert words in page
    assert "```\nlaunch/train.py '--config.data.dir=my images'\n```" in text
    pictures = re.findall(r"!\[[^]]*\]\(([^)]*)\)", text)
    assert pictures == ["figures/val_examples.png", "figures/val_ranking.png", "figures/learning_curves.png"]
    assert all((workdir / picture).stat().st_size > 5000 for picture in pictures)
    assert page.count("data:image/png;base64,") == 3
    told = json.loads((workdir / "eval" / "val.json").read_text())
    assert told["seed"] == 7
    assert told["prediction"] == "whole images"
    for region in ("full", "fov"):
        for reduction in ("image_mean", "image_sd", "pooled"):
            for value in told[region][reduction].values():
                if value is not None:
                    assert f"{value:.4f}" in text
                    assert f"{value:.4f}" in page
    with (workdir / "tables" / "val.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["scored"], row["region"], row["reduction"]) for row in rows] == [
        (scored, region, reduction)
        for scored in ("model", "observer 2")
        for region in ("full image", "field of view")
        for reduction in ("mean ± SD of images", "pooled pixels")
    ]
    assert float(rows[0]["dice"]) == told["full"]["image_mean"]["dice"]
    assert float(rows[1]["auc"]) == told["full"]["pooled"]["auc"]
    assert (rows[4]["auc"], rows[1]["isic_jaccard"]) == ("", "")
    interval = statistics.mean(np.array([[row["dice"] for row in evaluation.rows if row["region"] == "full"]])).interval
    assert (float(rows[0]["dice_low"]), float(rows[0]["dice_high"])) == interval[:2]


def test_a_table_that_is_gone_leaves_a_page_without_interval(workdir, evaluation, predictor, records):
    write_run(workdir, evaluation, split="val", predictor=predictor, records=records)
    (workdir / "eval" / "val.csv").unlink()
    text = write_page(workdir).with_suffix(".md").read_text()
    assert "No interval: " in text
    assert f"{evaluation.summary['full']['image_mean']['dice']:.4f}" in text


def test_another_split_is_added_before(workdir, evaluation, predictor, records):
    for split in ("val", "test"):
        write_run(workdir, evaluation, split=split, predictor=predictor, records=records)
    text = write_page(workdir).with_suffix(".md").read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Scores on test", "Scores on val", "Learning curves", "How it was made"
    ]  # fmt: skip


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
    assert checkpoint_rule(metrics_rows, 200, "dice") == "best val/full/image_mean/dice"
    assert checkpoint_rule(metrics_rows, 300, "dice") == "not the best val/full/image_mean/dice"
    training = [row for row in metrics_rows if "train/loss" in row]
    assert checkpoint_rule(training, 300, "dice") == "latest step (no val split)"
    assert checkpoint_rule([], 300, "dice") == "unknown (metrics.jsonl is gone)"


def test_a_score_that_is_undefined_on_val_selects_no_checkpoint(metrics_rows):
    assert checkpoint_rule(metrics_rows, 300, "tnr") == "latest step (val/full/image_mean/tnr is undefined)"


def test_the_metric_of_the_config_selects_orders_and_names(workdir, evaluation, predictor, records, drawn):
    (workdir / "config.json").write_text(json.dumps(CONFIG | {"eval": {"select": "recall"}}))
    scored = [0.2, None, 0.9, 0.4, 0.3]  # of each image; Dice orders them otherwise
    rows = [row | {"recall": scored[int(row["id"][-1])]} for row in evaluation.rows]
    evaluation = dataclasses.replace(evaluation, rows=rows)
    write_run(workdir, evaluation, split="val", predictor=predictor, records=records)
    text = write_page(workdir).with_suffix(".md").read_text()
    assert "checkpoint rule: best val/full/image_mean/recall" in text
    assert [text.get_text() for text in drawn["val_examples.png"].texts] == [
        "val: worst, median, best of 4 images by Recall (full image, prepared size)",
        "worst  ·  eye0  ·  Recall 0.2000",
        "median  ·  eye4  ·  Recall 0.3000",
        "best  ·  eye2  ·  Recall 0.9000",
    ]
    (ranking,) = drawn["val_ranking.png"].axes
    assert [label.get_text() for label in ranking.get_xticklabels()] == ["eye0", "eye4", "eye3", "eye2"]
    assert ranking.get_title(loc="left") == "val: Recall image by image (threshold 0.5, prepared size)"
    assert drawn["learning_curves.png"].axes[1].get_title(loc="right") == "★ best Recall 0.7000 at step 200"


def test_a_networks_own_attention_is_told(workdir):
    path = workdir / "config.json"
    path.write_text(json.dumps(CONFIG | {"model": {"name": "attention_unet", "attention": "none"}}))
    write_page(workdir)
    assert "attention_unet with attention attention_gate, trained on" in (workdir / "report.md").read_text()
