import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxseg import attention, data, inference, models
from jaxseg.config import defaults
from jaxseg.data.images import read_image, write_png
from jaxseg.data.preprocess import Preprocess
from jaxseg.jobs import inspect
from jaxseg.models import Skip


class Predictor(inference.Predictor):
    """One whose network carries JA-9 at one skip, and is never run."""

    def __init__(self):
        model = models.build("denseunet", size="micro", attention="ja9")
        super().__init__(model, {}, Preprocess(), tile=(32, 32), step=200)

    def __call__(self, image):
        return np.zeros(image.shape[:2], np.float32)

    def skips(self, image):
        module = attention.build("ja9", width=2)
        x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 4, 4, 2)), jnp.float32)
        variables = jax.tree.map(
            lambda leaf: np.full(leaf.shape, 0.3, np.float32),
            jax.eval_shape(lambda: module.init(jax.random.key(0), x, train=False)),
        )
        return {1: Skip(module, variables, x, jnp.ones((1, 4, 4), bool), x, 4, (16, 16), image.shape[:2])}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run's folder with an image of 32 x 24 beside it."""
    monkeypatch.setattr(inspect.inference, "load", lambda workdir, checkpoint: Predictor())
    monkeypatch.setattr(inspect, "read_config", lambda workdir: {"data": {"window": []}})
    write_png(tmp_path / "eye.png", np.random.default_rng(0).integers(0, 256, (32, 24, 3), np.uint8))
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_a_picture_is_drawn_into_the_run_and_never_over_another(run):
    path = inspect.inspect_attention(run, run.parent / "eye.png", (31, 0))
    assert path == run / "figures" / "attention_eye_31_0.png"
    assert read_image(path).shape[0] > 500
    with pytest.raises(FileExistsError, match=r"attention_eye_31_0.png is there already; choose another --output"):
        inspect.inspect_attention(run, run.parent / "eye.png", (31, 0))
    other = inspect.inspect_attention(run, run.parent / "eye.png", (31, 0), output=run.parent / "new" / "a.png")
    assert other.exists()


@pytest.mark.parametrize(
    ("image", "pixel", "output", "error", "told"),
    [
        ("eye.png", (32, 0), None, ValueError, r"pixel \(32, 0\) is off the image of 32 rows and 24 columns"),
        ("gone.png", (0, 0), None, FileNotFoundError, "gone.png"),
        ("eye.png", (0, 0), "a.pdf", ValueError, "a.pdf: the picture is a PNG"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(run, image, pixel, output, error, told):
    with pytest.raises(error, match=told):
        inspect.inspect_attention(run, run.parent / image, pixel, output=output)
    assert list(run.rglob("*")) == []


def test_a_pixel_off_the_image_is_told_before_the_network_is_loaded(run, monkeypatch):
    monkeypatch.setattr(inspect.inference, "load", None)
    with pytest.raises(ValueError, match=r"pixel \(-1, 3\) is off the image of 32 rows and 24 columns"):
        inspect.inspect_attention(run, run.parent / "eye.png", (-1, 3))


def test_words_say_what_the_mechanism_is_and_that_tiles_were_not_seen(run):
    seen = inspect.scene(Predictor(), read_image(run.parent / "eye.png"), "eye")
    assert seen.title == "ja9: eye"
    assert seen.about[0].splitlines()[1:] == ["u = w(x) x + x", "y = S(u) + u. The paper's best."]
    assert "32 x 32 tiles" in seen.about[1]
    assert "the whole image at once" in seen.about[1]
    assert "`" not in inspect.describe("cbam")


def test_the_nine_structures_are_drawn_with_the_weights_of_one(run, monkeypatch):
    seen = inspect.scene(Predictor(), read_image(run.parent / "eye.png"), "eye")
    drawn = {}
    monkeypatch.setattr(inspect.report, "draw_comparison", lambda *given: drawn.update(given=given))
    inspect.draw_structures(seen, 1, (3, 4))
    shown, skips, pixel, _ = drawn["given"]
    assert [label.partition("\n")[0] for label in skips] == [f"ja{n}" for n in range(1, 10)]
    assert "skip 1, stride 4" in shown.about[0]
    assert pixel == (3, 4)


def save(path: Path, pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


MASK = np.zeros((20, 24), np.uint8)
MASK[3:9, 5:11] = 255


def folder(root: Path) -> dict:
    for name, value in (("left", 40), ("right", 90)):
        save(root / "images" / f"{name}.png", np.full((20, 24, 3), value, np.uint8))
        save(root / "masks" / f"{name}.png", MASK)
    return {"name": "folder", "dir": str(root), "test": 1, "holdout": 0, "image_size": (16, 16)}


def drive(root: Path) -> dict:
    for number in (21, 22):
        save(root / "training" / "images" / f"{number}_training.tif", np.full((20, 24, 3), number, np.uint8))
        save(root / "training" / "1st_manual" / f"{number}_manual1.gif", MASK)
        save(root / "training" / "mask" / f"{number}_training_mask.gif", np.full((20, 24), 255, np.uint8))
    return {"name": "drive", "dir": str(root), "test": 0, "holdout": 0}


def isic(root: Path) -> dict:
    for number in (0, 1):
        name = f"ISIC_000000{number}"
        save(root / "ISIC-2017_Training_Data" / f"{name}.jpg", np.full((20, 24, 3), 30 + 100 * number, np.uint8))
        save(root / "ISIC-2017_Training_Part1_GroundTruth" / f"{name}_segmentation.png", MASK)
    return {"name": "isic2017", "dir": str(root), "test": 0, "holdout": 0}


def synthetic(root: Path) -> dict:
    return {"name": "synthetic", "synthetic": {"kind": "fundus", "size": 32, "train": 2, "val": 1, "test": 2}}


def trained(monkeypatch, tmp_path, make):
    """The folder of a run whose data ``make`` made, as far as a picture reads it, and what is drawn."""
    config = defaults()
    config.data.update(make(tmp_path / "data"))
    config.data.cache_dir = str(tmp_path / "cache")
    settings = json.loads(json.dumps(config.to_dict()))
    monkeypatch.setattr(inspect, "read_config", lambda workdir: settings)
    monkeypatch.setattr(inspect.inference, "load", lambda workdir, checkpoint: Predictor())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "data.json").write_text(json.dumps(data.load(settings["data"]).description))
    drawn = []
    draw = inspect.report.draw_pixel
    monkeypatch.setattr(inspect.report, "draw_pixel", lambda seen, pixel: [drawn.append(seen), draw(seen, pixel)][1])
    return tmp_path / "run", drawn


@pytest.mark.parametrize(
    ("make", "split", "name", "size"),
    [
        (synthetic, "test", "fundus_0_2000001", (32, 32)),
        (synthetic, "val", "fundus_0_1000000", (32, 32)),
        (folder, "train", None, (20, 24)),
        (folder, "test", None, (20, 24)),
        (drive, "train", "22", (20, 24)),
        (isic, "train", "ISIC_0000001", (20, 24)),
    ],
)
def test_an_image_of_the_run_is_found_by_its_split_and_id(monkeypatch, tmp_path, make, split, name, size):
    run, drawn = trained(monkeypatch, tmp_path, make)
    ids = json.loads((run / "data.json").read_text())["splits"][split]["ids"]
    name = name or ids[0]
    path = inspect.inspect_attention(run, f"{split}:{name}", (4, 6))
    assert path == run / "figures" / f"attention_{name}_4_6.png"
    (seen,) = drawn
    assert seen.title == f"ja9: {split}: {name}, step 200 of run"
    record = data.load_split(inspect.read_config(run)["data"], split)[ids.index(name)]
    assert seen.image.shape[:2] == seen.truth.shape == size
    np.testing.assert_array_equal(seen.image, record.image)
    np.testing.assert_array_equal(seen.truth, record.mask)
    assert seen.truth.any()


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (
            "test:fundus_0_200001",
            r"test has no image 'fundus_0_200001' \(did you mean 'fundus_0_2000001'\?\); it has 2: f",
        ),
        ("test:", "test has no image ''; it has 2: fundus_0_2000000, fundus_0_2000001$"),
        ("val:fundus_0_0000000", "run has no val images; it has train, test, and .*data.json lists them"),
        ("train:x", r"train has no image 'x'; it has 9: fundus_0_0000000, .*7, \.\.\.; .*data.json lists them all"),
    ],
)
def test_an_unknown_id_is_told_with_those_there_are(monkeypatch, tmp_path, image, told):
    counts = {"kind": "fundus", "size": 32, "train": 9, "val": 0, "test": 2}
    run, _ = trained(monkeypatch, tmp_path, lambda root: {"name": "synthetic", "synthetic": counts, "holdout": 0})
    with pytest.raises(ValueError, match=told):
        inspect.inspect_attention(run, image, (4, 6))


def test_an_image_that_is_gone_is_told(monkeypatch, tmp_path):
    run, _ = trained(monkeypatch, tmp_path, folder)
    (name,) = json.loads((run / "data.json").read_text())["splits"]["test"]["ids"]
    for part in ("images", "masks"):
        (tmp_path / "data" / part / f"{name}.png").rename(tmp_path / "data" / part / "another.png")
    with pytest.raises(ValueError, match=f"data has no image '{name}' in test any more, though .*run was trained with"):
        inspect.inspect_attention(run, f"test:{name}", (4, 6))


def test_a_file_whose_name_begins_like_a_split_is_named_with_its_folder(run):
    write_png(run.parent / "test:eye.png", np.zeros((32, 24, 3), np.uint8))
    path = inspect.inspect_attention(run, run.parent / "test:eye.png", (0, 0))
    assert path.name == "attention_test:eye_0_0.png"
