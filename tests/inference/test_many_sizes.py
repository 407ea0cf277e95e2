"""Folders of many sizes: few programs, several images at once, and what one image at a time would give."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import jax
import numpy as np
import pytest
from fakes import GREEN, PLAIN, Pixels
from filling import fill, shapes
from flax import linen as nn

from jaxseg import data, files, inference, models, report
from jaxseg.ahead import ahead
from jaxseg.config import defaults, plain
from jaxseg.data.images import write_png
from jaxseg.data.records import Record, Records
from jaxseg.inference import Predictor, canvases, predict_folder, score
from jaxseg.jobs.evaluate import evaluate_split
from jaxseg.models import Network
from jaxseg.pages import run as run_page

SIZES = [(16 * (k // 4) + 9, 16 * (k % 4) + 1 + k % 16) for k in range(20)]  # of twenty frames at stride 16
RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (*size, 3), np.uint8) for size in SIZES]


@pytest.fixture(scope="module")
def network():
    model = models.build("unet", width=2, attention="pwa", levels=(0,))
    return model, fill(shapes(model))


@pytest.fixture
def predictor(network):
    return Predictor(*network, PLAIN)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for k, image in enumerate(IMAGES):
        write_png(tmp_path / "images" / f"{k:02d}.png", image)
    return tmp_path / "images"


def records(prepared=True):
    found = [Record(f"{k}", image, image[..., 0] // 128, None, None, "") for k, image in enumerate(IMAGES)]
    return Records(found.__getitem__, [record.id for record in found], SIZES if prepared else None)


def test_twenty_sizes_take_four_programs_in_a_folder_and_in_an_evaluation(predictor, folder, tmp_path, programs):
    assert len({canvases.frame(size, 16) for size in SIZES}) == 20
    predict_folder(predictor, folder, tmp_path / "out", progress=False)
    assert len(programs) == canvases.MOST
    predict_folder(predictor, folder, tmp_path / "again", progress=False)
    score(predictor, records(), progress=False)
    score(predictor, records(), prepared=False, progress=False)
    assert len(programs) == canvases.MOST  # the same sizes have the same canvases


def test_pictures_of_an_evaluation_take_its_programs(predictor, monkeypatch, programs):
    def draw(workdir, evaluation, *, split, name, predictor, records):
        for record in records:
            predictor.prepared(record.image)

    monkeypatch.setattr(report, "write_run", draw)
    monkeypatch.setattr(run_page, "write_page", lambda workdir: None)
    splits = data.Splits(records(), None, records(), (), (), {}, {}, PLAIN)
    evaluate_split(Path(), {}, splits, "test", predictor, "prepared", name="test")
    assert len(programs) <= canvases.MOST  # none where another test compiled them


def test_validation_of_other_weights_compiles_nothing(network, programs):
    model, variables = network
    predictor = Predictor(model, {}, PLAIN)
    scores = []
    for scale in (1.0, 0.5):
        predictor.variables = jax.tree.map(lambda leaf, scale=scale: scale * leaf, variables)
        scores.append(score(predictor, records()[:6], progress=False).summary)
        many = len(programs)
    assert len(programs) == many <= canvases.MOST
    assert scores[0] != scores[1]


def test_a_shared_canvas_changes_nothing_but_the_rounding(predictor):
    planned = predictor.expecting(SIZES)
    for image in (IMAGES[0], IMAGES[7], IMAGES[19]):
        np.testing.assert_allclose(planned.prepared(image), predictor.prepared(image), atol=1e-5)


def test_where_every_frame_has_its_own_canvas_nothing_changes_at_all(predictor):
    planned = predictor.expecting(SIZES[:2])
    for image in IMAGES[:2]:
        np.testing.assert_array_equal(planned.prepared(image), predictor.prepared(image))


def test_tiles_and_flips_share_canvases_too(network, programs):
    predictor = Predictor(*network, PLAIN, tile=(16, 48), flips=True)
    planned = predictor.expecting(SIZES)
    assert set(planned._canvases) == {(16, 16), (16, 32), (16, 48)}
    np.testing.assert_allclose(planned.prepared(IMAGES[5]), predictor.prepared(IMAGES[5]), atol=1e-5)


def test_several_images_at_once_give_what_one_at_a_time_gives(predictor, folder, tmp_path, monkeypatch):
    predict_folder(predictor, folder, tmp_path / "many", progress=False)
    rows = score(predictor, records(), progress=False).rows
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setattr(inference.places, "AT_ONCE", 1)
    written = predict_folder(predictor, folder, tmp_path / "one", progress=False)
    assert [path.stem for path in written] == [f"{k:02d}" for k in range(20)]
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.png"))
    assert len(files) == 60
    for file in files:
        assert (tmp_path / "many" / file).read_bytes() == (tmp_path / "one" / file).read_bytes()
    assert score(predictor, records(), progress=False).rows == rows


def test_several_images_are_in_work_at_once(folder, tmp_path, monkeypatch):
    """Each waits until another one is there too: alone, the first would wait in vain."""
    together, real = threading.Barrier(2), Predictor.prepared

    def prepared(self, image):
        together.wait(timeout=60)
        return real(self, image)

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(Predictor, "prepared", prepared)
    green = Predictor(Pixels(), GREEN, PLAIN)
    assert len(predict_folder(green, folder, tmp_path / "out", progress=False)) == 20
    assert len(score(green, records(), progress=False).rows) == 20


class Undeclared(Network):
    """Reads beyond a position by a layer of its own."""

    stride: ClassVar = 16

    def features(self, x, attend, *, train):
        return nn.Conv(4, (9, 9), name="conv")(x)


def test_a_network_that_declares_nothing_is_computed_on_own_frames(programs):
    model = Undeclared()
    variables = fill(shapes(model))
    predictor = Predictor(model, variables, PLAIN)
    planned = predictor.expecting(SIZES)
    for image in IMAGES[:6]:
        np.testing.assert_array_equal(planned.prepared(image), predictor.prepared(image))
    assert len(programs) == len({canvases.frame(size, 16) for size in SIZES[:6]})


def test_attention_that_is_not_the_same_on_any_canvas_is_computed_on_own_frames():
    build = {"width": 2, "attention": "swin"}
    assert models.build("unet", **build).any_canvas
    shifted = models.build("unet", **build, attention_options={"shift": 3})
    assert not shifted.any_canvas
    assert not Predictor(shifted, {}, PLAIN).expecting(SIZES)._canvases


def test_a_canvas_that_is_too_large_gives_way_to_the_own_frame():
    """A side of 160 is beyond the span of this attention, and images up to 128 share a canvas with it."""
    model = models.build("unet", width=2, attention="axial", attention_options={"span": 128}, levels=(0,))
    predictor = Predictor(model, fill(shapes(model)), PLAIN)
    planned = predictor.expecting([(160, 16), (16, 160), (48, 128), (128, 48), (32, 64)] * 2)
    planned._canvases = dict.fromkeys(planned._canvases, (160, 160))
    image = RNG.integers(0, 256, (30, 50, 3), np.uint8)
    np.testing.assert_array_equal(planned.prepared(image), predictor.prepared(image))
    with pytest.raises(ValueError, match="span 128"):
        planned.prepared(np.zeros((16, 160, 3), np.uint8))


DEVICES = """
import sys
from pathlib import Path
from unittest import mock
import jax, numpy as np
sys.path[:0] = [{tests!r}, {tests!r} + "/inference"]
from fakes import GREEN, PLAIN, Pixels
from jaxseg.inference import Predictor, compiled, predict_folder
used, real = [], compiled._probabilities
def record(*args, **options):
    found = real(*args, **options)
    used.append(*found.devices())
    return found
with mock.patch.object(compiled, "_probabilities", record), mock.patch("jax.default_backend", lambda: "gpu"):
    predict_folder(Predictor(Pixels(), GREEN, PLAIN), {images!r}, {output!r}, progress=False)
print(len(used), sorted(device.id for device in set(used)))
"""


def test_the_images_go_round_the_devices(folder, tmp_path):
    """Three devices of a CPU, taken for GPUs."""
    names = {"tests": str(Path(__file__).parents[1]), "images": str(folder), "output": str(tmp_path / "out")}
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=3", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", DEVICES.format(**names)]
    ran = subprocess.run(command, capture_output=True, text=True, env=os.environ | flags, check=False)
    assert ran.stdout.split(" ", 1) == ["20", "[0, 1, 2]\n"], ran.stdout + ran.stderr
    predict_folder(Predictor(Pixels(), GREEN, PLAIN), folder, tmp_path / "one", progress=False)
    for path in (tmp_path / "one").rglob("*.png"):
        assert path.read_bytes() == (tmp_path / "out" / path.relative_to(tmp_path / "one")).read_bytes()


def test_an_interrupt_leaves_whole_files_and_begins_no_other_image(folder, tmp_path, monkeypatch):
    begun, write = [], files.write

    def prepared(self, image):
        begun.append(len(begun))
        return np.zeros(image.shape[:2], np.float32)

    def interrupted(path, data):
        if path.stem == "02":
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(Predictor, "prepared", prepared)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(files, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_folder(Predictor(Pixels(), GREEN, PLAIN), folder, tmp_path / "out", progress=False)
    assert {path.stem for path in (tmp_path / "out").rglob("*")} == {"masks", "probabilities", "overlays", "00", "01"}
    assert len(begun) <= 6  # three are written or were to be, and a few were in hand


def test_a_picture_that_cannot_be_written_ends_the_batch(folder, tmp_path, monkeypatch):
    """Where there is no room for one there is none for the others: predicting them would be for nothing."""
    write = files.write

    def full(path, data):
        if path.stem == "02":
            raise OSError(28, "No space left on device", str(path))
        write(path, data)

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(OSError, match="No space left on device: .*02.png"):
        predict_folder(Predictor(Pixels(), GREEN, PLAIN), folder, tmp_path / "out", progress=False)
    assert [path.name for path in sorted((tmp_path / "out" / "masks").iterdir())] == ["00.png", "01.png"]


def test_evaluation_at_the_original_size_knows_sizes_without_reading(tmp_path):
    settings = plain(defaults().data)
    settings |= {"name": "folder", "dir": str(tmp_path / "set"), "cache_dir": str(tmp_path / "cache"), "holdout": 1}
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for k, image in enumerate(IMAGES[:4]):
        write_png(tmp_path / "set" / "images" / f"{k}.png", image)
        write_png(tmp_path / "set" / "masks" / f"{k}.png", image[..., 0] // 128)
    found = data.load_split(settings, "train")
    wanted = [record.image.shape[:2] for record in found]
    for file in (tmp_path / "set" / "masks").iterdir():
        file.unlink()
    assert list(found.sizes) == wanted


def test_whoever_leaves_stops_the_work():
    begun = []
    work = ahead(begun.append, range(100))
    next(work)
    work.close()
    assert len(begun) < 20
