import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import attention, inference, models
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


def test_the_nine_structures_are_drawn_with_the_weights_of_one(run, monkeypatch):
    seen = inspect.scene(Predictor(), read_image(run.parent / "eye.png"), "eye")
    drawn = {}
    monkeypatch.setattr(inspect.report, "draw_comparison", lambda *given: drawn.update(given=given))
    inspect.draw_structures(seen, 1, (3, 4))
    shown, skips, pixel, _ = drawn["given"]
    assert [label.partition("\n")[0] for label in skips] == [f"ja{n}" for n in range(1, 10)]
    assert "skip 1, stride 4" in shown.about[0]
    assert pixel == (3, 4)
