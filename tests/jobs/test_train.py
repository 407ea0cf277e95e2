"""The whole of a run with a network that is not the first one: the demo's config, a U-Net, a few steps."""

import json
import logging
import re
from collections import Counter

import jax
import numpy as np
import pytest
from little import little

from jaxseg import inference
from jaxseg.config import training_batch
from jaxseg.data.images import read_image, write_png
from jaxseg.jobs.evaluate import evaluate
from jaxseg.jobs.inspect import layer_table
from jaxseg.jobs.train import train
from jaxseg.runs.folder import read_config


def demo(cache):
    config = little(cache, attention="pwa")  # cheap to compile
    config.data.shift = "camera"
    return config


class Compiled(logging.Handler):
    """How often each program is compiled, by its name and the shapes of its arguments."""

    def __init__(self):
        super().__init__()
        self.times: Counter = Counter()

    def emit(self, record):
        if (said := record.getMessage()).startswith("Compiling "):
            self.times[said] += 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    workdir, logger, compiled = tmp_path_factory.mktemp("unet") / "run", logging.getLogger("jax"), Compiled()
    logger.addHandler(compiled)
    jax.config.update("jax_log_compiles", True)  # in all threads
    try:
        train(demo(workdir.with_name("cache")), workdir)
    finally:
        jax.config.update("jax_log_compiles", False)
        logger.removeHandler(compiled)
    return workdir, compiled.times


@pytest.fixture(scope="module")
def run(trained):
    return trained[0]


def test_no_program_is_compiled_twice_in_a_run(trained):
    """Val is scored twice, and the pictures predict again."""
    times = trained[1]
    for name in ("jit(_init)", "jit(_fun)", "jit(_probabilities)"):  # _fun: the step, by pmap's name for it
        assert sum(said.startswith(f"Compiling {name} ") for said in times) == 1, name
    assert {said: count for said, count in times.items() if count > 1} == {}


def test_it_trains_and_says_what_it_left_out(run, capsys):
    model = json.loads((run / "config.json").read_text())["model"]
    assert model["options"] == {"width": 2}
    assert "size" not in model
    assert "unet width 2 with attention pwa" in (run / "report.md").read_text()
    train(demo(run.with_name("cache")), run)
    told = capsys.readouterr().out
    assert "note: model.size 'tiny' is not used: unet has none\n" in told
    assert "model.head" not in told  # nobody set it
    assert "unet width 2, attention pwa: " in told
    assert "all 4 steps are done" in told
    assert "the first step compiles" not in told  # nothing is left to do
    assert re.search(r"^shifted_test: 2 images \(the set's own\); foreground", told, re.MULTILINE)


def test_it_predicts_evaluates_and_shows_its_attention(run, tmp_path):
    with pytest.raises(ValueError, match="--data_dir is 'x'; want nothing: the run's images are generated, not read"):
        evaluate(run, "test", data_dir="x")
    scored = evaluate(run, "test")
    assert scored.summary["num_images"] == 2
    assert {path.name for path in (run / "figures").glob("*.png")} >= {"test_examples.png", "learning_curves.png"}
    (tmp_path / "images").mkdir()
    write_png(tmp_path / "images" / "a.png", np.random.default_rng(0).integers(0, 256, (37, 51, 3), np.uint8))
    predictor = inference.load(run)
    (mask,) = inference.predict_folder(predictor, tmp_path / "images", tmp_path / "out", progress=False)
    assert read_image(mask).shape == (37, 51, 3)
    skips = predictor.skips(read_image(tmp_path / "images" / "a.png"))
    assert [(skip.stride, skip.grid) for skip in skips.values()] == [
        (1, (37, 51)), (2, (19, 26)), (4, (10, 13)), (8, (5, 7))
    ]  # fmt: skip


def test_shifted_images_are_scored_beside_the_others(run):
    scored = evaluate(run, "shifted_test")
    assert list(scored.ids) == ["fundus_camera_0_2000000", "fundus_camera_0_2000001"]
    evaluate(run, "shifted_val", threshold=0.3)
    report = (run / "report.md").read_text()
    headings = [line for line in report.splitlines() if "Scores on shifted" in line]
    assert headings == ["## Scores on shifted_test", "## Scores on shifted_val, not as configured: threshold0.3"]
    assert "2 shifted_val, 2 shifted_test" in report
    told = json.loads((run / "data.json").read_text())
    assert told["splits"]["shifted_test"]["num_images"] == 2
    assert [note for note in told["notes"] if "as another camera takes them" in note]


def test_another_protocol_has_files_of_its_own(run, capsys):
    evaluate(run, "val")
    (own,) = [path.read_bytes() for path in (run / "eval").glob("val.json")]
    scored = evaluate(run, "val", threshold=0.3, flips=True, checkpoint="latest", masks=True, reconnect=30.0)
    name = "val_latest_threshold0.3_flips_reconnect30"
    assert (run / "eval" / "val.json").read_bytes() == own
    assert json.loads((run / "eval" / f"{name}.json").read_text())["threshold"] == 0.3
    assert "threshold: 0.3" in (told := capsys.readouterr().out)
    assert "mean over four flips, fragments reconnected (reach 30, window 61, stop 0.1)" in told
    assert (
        "## Scores on val, not as configured: latest, threshold0.3, flips, reconnect30"
        in (run / "report.md").read_text()
    )
    assert (run / "figures" / f"{name}_examples.png").exists()
    evaluate(run, "val", threshold=0.5)  # the run's own
    assert {path.stem for path in (run / "eval").glob("val*.json")} == {"val", name}
    for row in (row for row in scored.rows if row["region"] == "full"):  # what is saved is what was scored
        mask = read_image(run / "eval" / f"{name}_predictions" / "masks" / f"{row['id']}.png")[..., 0]
        assert (mask == 255).sum() == row["tp"] + row["fp"]


def test_its_layer_table(run):
    config = demo(run.with_name("cache"))
    network, images = training_batch(config)
    assert (network.width, images) == (2, (2, 40, 40, 3))
    assert "a training step on 2 x 40 x 40 x 3" in layer_table(config, depth=2)


def test_a_folder_with_suffixes_people_and_three_classes_trains_without_preparation(tmp_path, capsys):
    """What people have: nothing is renamed, listed or converted before; the notes are true and few."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "own"
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for name in (f"p{person}_{number}" for person in range(5) for number in (1, 2)):
        image = rng.integers(0, 256, (32, 40, 3), np.uint8)
        mask = np.zeros((32, 40), np.uint8)
        mask[4:10, 4:12], mask[14:24, 6:20], mask[26:30, 20:36] = 85, 170, 255
        write_png(folder / "images" / f"{name}.png", image)
        write_png(folder / "masks" / f"{name}_label.png", mask)
    config = demo(tmp_path / "cache")
    config.data.name, config.data.dir = "folder", str(folder)
    config.data.update(holdout=2, test=2, shift="", group_pattern="(p.)_")
    config.data.augment.quarter_turns = False
    with config.unlocked():
        config.data.classes = {"disc": 85, "cup": 170, "vessel": 255}
    config.train.update(steps=2, eval_every=2)
    train(config, tmp_path / "run")
    told = [line for line in capsys.readouterr().out.splitlines() if "model.size" not in line]  # the demo's
    shares = "disc 3.8%, cup 10.9%, vessel 5.0% of the pixels; 0 masks empty, 0 full"
    assert [line for line in told if line.startswith(("note", "warning", "train: ", "val: ", "test: "))][:4] == [
        f"note: {folder / 'masks'}: files are taken as {{id}}_label; --config.data.mask_name='{{id}}_label' says so",
        f"train: 6 images (the rest); {shares}",
        f"val: 2 images (drawn at random from 8 training images, data.split_seed=0); {shares}",
        f"test: 2 images (drawn at random from 10 training images, data.split_seed=0); {shares}",
    ]
    ids = json.loads((tmp_path / "run" / "data.json").read_text())["splits"]
    people = [{name[:2] for name in ids[split]["ids"]} for split in ("train", "val", "test")]
    assert len(people[0] | people[1] | people[2]) == 5 == sum(map(len, people))


def test_metrics_that_take_time_are_computed_where_they_are_asked_for(run):
    evaluate(run, "test", metrics=("hd95", "surface_dice@2"))
    found = json.loads((run / "eval" / "test.json").read_text())
    assert {"hd95", "surface_dice@2"} < found["full"]["image_mean"].keys()
    assert "HD95 (px)" in (run / "eval" / "test.md").read_text()
    evaluate(run, "test")
    assert "hd95" not in json.loads((run / "eval" / "test.json").read_text())["full"]["image_mean"]
    with pytest.raises(ValueError, match="--metrics is 'hd59'"):
        evaluate(run, "test", metrics=("hd59",))


def test_the_metric_that_selects_is_computed_whatever_is_asked_for(run, monkeypatch):
    config = read_config(run)
    config["eval"] |= {"select": "average_precision", "metrics": ["average_precision"]}
    asked = []

    def stop(*given, metrics, **named):
        asked.append(list(metrics))
        raise InterruptedError

    monkeypatch.setattr("jaxseg.jobs.evaluate.read_config", lambda _: config)
    monkeypatch.setattr("jaxseg.jobs.evaluate.evaluate_split", stop)
    for metrics in (("hd95",), ("average_precision", "hd95"), None):
        with pytest.raises(InterruptedError):
            evaluate(run, "test", metrics=metrics)
    assert asked == [["hd95", "average_precision"], ["average_precision", "hd95"], ["average_precision"]]


def test_curves_stand_beside_the_scores_they_are_of_and_go_with_them(run):
    scored = evaluate(run, "test", curves=True)
    found = json.loads((run / "eval" / "curves" / "test.json").read_text())
    own = json.loads((run / "eval" / "test.json").read_text())
    assert found["checkpoint_step"] == own["checkpoint_step"]
    assert found["curves"] == scored.curves
    pooled = [own[curve["region"]]["pooled"]["auc"] for curve in found["curves"]]
    assert [curve["auc"] for curve in found["curves"]] == pooled
    assert "![curves of test](figures/test_curves.png)" in (run / "report.md").read_text()
    evaluate(run, "test")
    assert not (run / "eval" / "curves" / "test.json").exists()
    assert not (run / "figures" / "test_curves.png").exists()
    assert "curves of test" not in (run / "report.md").read_text()
