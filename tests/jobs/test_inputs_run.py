"""The whole of a run whose network sees other inputs than the photograph: three layers, a few steps."""

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from config_files import module_of
from small import deep

from jaxseg import data, inference, models
from jaxseg.config import plain, training_batch
from jaxseg.data import generate
from jaxseg.data.images import read_image, write_png
from jaxseg.inference.predict_folder import overlay
from jaxseg.jobs.evaluate import evaluate
from jaxseg.jobs.inspect import inspect_attention, layer_table
from jaxseg.jobs.train import train

ROOT = Path(__file__).parents[2]
INPUTS = ("v_star", "intrinsic", "shading_attenuated")  # five channels, and no rgb


def demo(cache):
    config = module_of(ROOT / "configs" / "demo_ja9.py").get_config()
    config.model.name = "deep"
    config.model.attention = "pwa"  # cheap to compile
    config.data.cache_dir = str(cache)
    config.data.inputs, config.data.angle = INPUTS, "released"
    config.data.augment.update(brightness=0.1, contrast=0.1)
    config.data.synthetic.update(size=40, train=6, val=2, test=2)
    config.train.update(steps=4, batch_size=2, eval_every=2, log_every=1)
    config.optimizer.schedule = "constant"  # so that a run may go on for longer
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("inputs") / "run"
    with mock.patch.dict(models.MODELS, deep=deep):
        train(demo(workdir.with_name("cache")), workdir)
        yield workdir


def test_prepared_records_hold_the_photograph_and_what_the_network_sees(run):
    splits = data.load(plain(demo(run.with_name("cache")).data))
    preprocess, record = splits.preprocess, splits.train[0]
    native = data.load_split(plain(demo(run.with_name("cache")).data), "train")[0]
    np.testing.assert_array_equal(record.image, preprocess.prepare(native.image))
    np.testing.assert_array_equal(record.seen, preprocess.seen(native.image))
    seen = np.concatenate([one.seen.reshape(-1, 5) for one in splits.train]).astype(float)
    np.testing.assert_allclose(preprocess.mean, seen.mean(0), rtol=1e-12)
    np.testing.assert_allclose(preprocess.std, seen.std(0), rtol=1e-12)


def test_it_says_what_the_network_sees(run):
    stored = json.loads((run / "preprocess.json").read_text())
    assert (stored["inputs"], stored["angle"], len(stored["mean"])) == (list(INPUTS), "released", 5)
    assert "inputs v_star, intrinsic, shading_attenuated" in (run / "report.md").read_text()
    config = demo(run.with_name("cache"))
    assert training_batch(config)[1] == (2, 40, 40, 5)
    assert "a training step on 2 x 40 x 40 x 5" in layer_table(config)


def test_scores_at_both_sizes_are_the_same_where_nothing_is_resized(run):
    prepared, original = (evaluate(run, "test", scored_at=size) for size in ("prepared", "original"))
    assert prepared.rows == original.rows


def test_pictures_show_the_photograph(run, tmp_path):
    evaluate(run, "test", masks=True)
    records = data.load(plain(demo(run.with_name("cache")).data)).test
    for record in records:
        mask = read_image(run / "eval" / "test_predictions" / "masks" / f"{record.id}.png")[..., 0] > 0
        drawn = read_image(run / "eval" / "test_predictions" / "overlays" / f"{record.id}.png")
        np.testing.assert_array_equal(drawn, overlay(record.image, mask))
    photograph = generate.fundus(0, 5, 51)[0]
    write_png(tmp_path / "a.png", photograph)
    (mask,) = inference.predict_folder(inference.load(run), tmp_path / "a.png", tmp_path / "out", progress=False)
    drawn = read_image(tmp_path / "out" / "overlays" / "a.png")
    np.testing.assert_array_equal(drawn, overlay(photograph, read_image(mask)[..., 0] > 0))
    assert inspect_attention(run, tmp_path / "a.png", (20, 30), output=tmp_path / "seen.png").stat().st_size > 10_000


def test_prediction_in_tiles_and_flips_takes_the_channels_too(run):
    predictor = inference.load(run, tile=(32, 32), flips=True)
    assert predictor(generate.fundus(0, 5, 51)[0]).shape == (51, 51)
    with pytest.raises(ValueError, match=r"the prepared image is uint8 \[40, 40, 3\]; want uint8 \[height, width, 5\]"):
        predictor.prepared(np.zeros((40, 40, 3), np.uint8))


@pytest.mark.slow
def test_it_goes_on_where_it_was_and_a_streamed_set_trains_to_the_same(run, tmp_path, capsys):
    undisturbed = demo(run.with_name("cache"))
    undisturbed.train.steps = 6
    undisturbed.data.device_limit = 0.0
    train(undisturbed, tmp_path / "whole")
    first = demo(run.with_name("cache"))
    train(first, tmp_path / "parts")
    first.train.steps = 6
    train(first, tmp_path / "parts")
    assert "resuming from step 4" in capsys.readouterr().out
    image = generate.fundus(0, 5, 51)[0]
    one, other = (inference.load(tmp_path / name, "latest")(image) for name in ("whole", "parts"))
    np.testing.assert_array_equal(one, other)


def test_weights_for_other_inputs_are_refused(run, tmp_path):
    other = demo(run.with_name("cache"))
    other.data.inputs, other.train.init_from = ("rgb",), str(run)
    with pytest.raises(ValueError, match=r"init_from .* sees the inputs \('v_star', .*\), and this run \('rgb',\)"):
        train(other, tmp_path / "other")
    with pytest.raises(ValueError, match=r"data.inputs: \['v_star', .*\] -> \['rgb'\]"):
        train(other, run)
