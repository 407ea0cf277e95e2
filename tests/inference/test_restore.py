import json
import tempfile
from typing import ClassVar

import flax.linen as nn
import numpy as np
import pytest
from fakes import GREEN, PLAIN, green_probability

from jaxseg import models
from jaxseg.inference import load
from jaxseg.models import Network
from jaxseg.runs.checkpoint import Checkpoints

CONFIG = {
    "model": {"name": "pixels", "size": "1x1", "levels": [0, 1], "head": "plain"},
    "data": {"cache_dir": tempfile.mkdtemp()},
    "eval": {"threshold": 0.5, "tile": [], "overlap": 0.25, "flips": False},
}


@pytest.fixture
def asked(monkeypatch):
    """What the model was asked to be built with: options of its own."""
    asked = {}

    def pixels(*, size="", **shared):
        asked.update(size=size)
        return PixelNetwork(**shared)

    monkeypatch.setitem(models.MODELS, "pixels", pixels)
    return asked


class PixelNetwork(Network):
    stride: ClassVar = 32
    skip_strides: ClassVar = (1, 2)

    def features(self, x, attend, *, train):
        for level, stride in enumerate(self.skip_strides):
            attend(level, x[:, ::stride, ::stride], gate=x[:, ::stride, ::stride])
        return x

    def classify(self, features, *, train):
        return nn.Dense(2, name="Dense_0")(features)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run with its best checkpoint at step 3 and its latest, which calls all foreground, at step 5."""
    workdir = tmp_path_factory.mktemp("run")
    (workdir / "config.json").write_text(json.dumps(CONFIG))
    (workdir / "preprocess.json").write_text(json.dumps(PLAIN.to_json()))
    everything = {"Dense_0": {"kernel": np.zeros((3, 2), np.float32), "bias": np.array([0, 9], np.float32)}}
    checkpoints = Checkpoints(workdir / "checkpoints")
    for step, params, score in ((3, GREEN["params"], 0.8), (5, everything, 0.7)):
        checkpoints.save(step, {"params": params, "batch_stats": {}, "ema": None}, {"step": step}, score=score)
    checkpoints.close()
    return workdir


def test_a_run_predicts_with_its_best_checkpoint(trained, asked, make_image):
    predictor = load(trained)
    assert asked == {"size": "1x1"}
    assert predictor.model.levels == (0, 1)
    assert predictor.step == 3
    assert (predictor.tile, predictor.overlap, predictor.flips) == ((), 0.25, False)
    assert predictor.preprocess == PLAIN
    image = make_image()
    np.testing.assert_allclose(predictor(image), green_probability(image), atol=1e-6)


def test_the_latest_checkpoint_and_other_tiles_on_demand(trained, asked, make_image):
    predictor = load(trained, "latest", tile=(64, 32), overlap=0.0, flips=True)
    assert predictor.step == 5
    assert (predictor.tile, predictor.overlap, predictor.flips) == ((64, 32), 0.0, True)
    assert predictor(make_image()).min() > 0.99


def test_what_is_missing_is_told_with_the_fix(tmp_path, asked):
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such folder; give the --workdir of a training run"):
        load(tmp_path / "nowhere")
    with pytest.raises(
        FileNotFoundError, match=r"holds no trained run \(no config.json\); give the --workdir of a run"
    ):
        load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    with pytest.raises(FileNotFoundError, match=r"preprocess.json: gone, and the run needs it; restore it"):
        load(tmp_path)
    (tmp_path / "preprocess.json").write_text(json.dumps(PLAIN.to_json()))
    with pytest.raises(FileNotFoundError, match="checkpoint"):
        load(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(FileNotFoundError, match="no finished checkpoint yet"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "preprocess.json"])
@pytest.mark.parametrize("content", ['{"model":', '"a string"', '{"other": 1}'])
def test_a_damaged_file_is_named(tmp_path, asked, name, content):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "preprocess.json").write_text(json.dumps(PLAIN.to_json()))
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=rf"{name}: not what training wrote"):
        load(tmp_path)
