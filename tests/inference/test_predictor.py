import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fakes import GREEN, PLAIN, Pixels, green_probability

from jaxseg import models
from jaxseg.inference import Predictor


class Global(nn.Module):
    """Every pixel's logit is the mean of the image's real pixels: it notices wrong sizes and what the padding holds."""

    stride: ClassVar = 32
    traced: ClassVar = []  # the shapes that were compiled

    @nn.compact
    def __call__(self, images, *, train, sizes=None):
        self.traced.append(images.shape)
        rows, columns = (jnp.arange(n) for n in images.shape[1:3])
        real = (rows < sizes[:, :1])[:, :, None] & (columns < sizes[:, 1:])[:, None, :]
        padding = jnp.abs(jnp.where(real[..., None], 0.0, images)).max()
        mean = jnp.where(real[..., None], images, 0.0).sum((1, 2, 3)) / (3 * real.sum((1, 2)))
        foreground = jnp.broadcast_to((mean + padding)[:, None, None], images.shape[:3])
        return jnp.stack([jnp.zeros_like(foreground), foreground], axis=-1)


class Row(nn.Module):
    """A pixel's logit is its row's number: not the same after a flip."""

    stride: ClassVar = 4

    def __call__(self, images, *, train, sizes=None):
        rows = jnp.broadcast_to(jnp.arange(images.shape[1]) / 4.0, (images.shape[0], images.shape[2], images.shape[1]))
        return jnp.stack([jnp.zeros(images.shape[:3]), rows.swapaxes(1, 2)], axis=-1)


def _sigmoid(values):
    return 1 / (1 + np.exp(-values))


def test_the_answer_has_the_images_own_size(green, make_image):
    image = make_image(20, 27)
    probability = green(image)
    assert probability.dtype == np.float32
    np.testing.assert_allclose(probability, green_probability(image), atol=1e-6)


def test_a_resized_model_answers_at_the_images_own_size(make_image):
    image = make_image(2, 2).repeat(12, 0).repeat(15, 1)  # four patches of one colour each, 24 x 30
    halved = Predictor(Pixels(), GREEN, dataclasses.replace(PLAIN, image_size=(12, 15)))
    wanted = green_probability(image)
    assert halved(image).shape == (24, 30)
    inner = np.ix_([*range(10), *range(14, 24)], [*range(13), *range(17, 30)])  # between patches bilinear blends
    np.testing.assert_allclose(halved(image)[inner], wanted[inner], atol=1e-6)
    np.testing.assert_allclose(halved.prepared(image), wanted, atol=1e-6)  # prepared() resizes nothing


def test_padding_is_zero_and_the_model_is_told_the_real_size(make_image):
    image = make_image(33, 40)
    probability = Predictor(Global(), {}, PLAIN)(image)
    np.testing.assert_allclose(probability, _sigmoid((image / 255).mean()), atol=1e-6)


def test_sizes_that_pad_alike_share_one_compilation(make_image):
    Global.traced.clear()
    for height, width in ((70, 33), (65, 64), (96, 40)):
        Predictor(Global(), {}, PLAIN)(make_image(height, width))
    assert Global.traced == [(1, 96, 64, 3)]


def test_images_are_padded_to_the_stride_that_the_network_declares(make_image):
    class Coarse(Global):
        stride: ClassVar = 48

    Global.traced.clear()
    Predictor(Coarse(), {}, PLAIN)(make_image(70, 33))
    assert Global.traced == [(1, 96, 48, 3)]


def test_new_variables_need_no_new_compilation(green, make_image):
    image = make_image()
    green.variables = {"params": {"Dense_0": {"kernel": jnp.zeros((3, 2)), "bias": jnp.array([0.0, 1.0])}}}
    np.testing.assert_allclose(green(image), _sigmoid(1.0), atol=1e-6)


def test_flips_are_undone_and_averaged(make_image):
    image = make_image(6, 5)
    plain, flipped = (Predictor(Row(), {}, PLAIN, flips=flips)(image) for flips in (False, True))
    rows = np.arange(6)[:, None] / 4.0
    np.testing.assert_allclose(plain, np.broadcast_to(_sigmoid(rows), (6, 5)), atol=1e-6)
    wanted = (_sigmoid(rows) + _sigmoid(rows[::-1])) / 2
    np.testing.assert_allclose(flipped, np.broadcast_to(wanted, (6, 5)), atol=1e-6)


@pytest.mark.parametrize("size", [(50, 70), (10, 70), (10, 12)])
def test_tiles_of_a_local_model_equal_the_whole_image(size, make_image):
    image = make_image(*size)
    tiled = Predictor(Pixels(), GREEN, PLAIN, tile=(32, 32), overlap=0.25)
    np.testing.assert_allclose(tiled(image), green_probability(image), atol=1e-6)


def test_a_tile_is_what_the_model_sees(make_image):
    Global.traced.clear()
    Predictor(Global(), {}, PLAIN, tile=(128, 160))(make_image(130, 300))
    assert Global.traced == [(1, 128, 160, 3)]


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((4, 5, 3), np.float32), r"float32 \[4, 5, 3\]"),
        (np.zeros((4, 5), np.uint8), r"uint8 \[4, 5\]"),
        (np.zeros((4, 5, 4), np.uint8), r"uint8 \[4, 5, 4\]"),
    ],
)
def test_an_image_of_another_kind_is_refused(green, image, told):
    for predict in (green, green.prepared):
        with pytest.raises(ValueError, match=told + r"; want uint8 \[height, width, 3\]"):
            predict(image)


@pytest.mark.parametrize(
    ("options", "told"), [({"tile": (64,)}, "tile"), ({"tile": (0, 8)}, "tile"), ({"overlap": 1.0}, "overlap")]
)
def test_options_that_make_no_sense_are_refused(options, told):
    with pytest.raises(ValueError, match=f"{told} is"):
        Predictor(Pixels(), GREEN, PLAIN, **options)


def test_a_predictor_tells_how_it_predicts():
    plain = Predictor(Pixels(), GREEN, PLAIN)
    assert plain.describe() == "whole images"
    tiled = Predictor(Pixels(), GREEN, PLAIN, tile=(64, 96), overlap=0.25, flips=True)
    assert tiled.describe() == "64 x 96 tiles, 25% overlap, mean over four flips"


def test_a_real_network_answers_as_if_it_padded_by_itself(make_image):
    """Self-attention counts real positions only, so the sizes have to reach the key mask."""
    model = models.build("denseunet", size="micro", attention="sa", levels=(0,))
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False))
    rng = np.random.default_rng(0)

    def fill(leaf):  # kernels of unit gain; biases, BatchNorm's gains and statistics around one
        values = rng.uniform(0.5, 1.5, leaf.shape) if leaf.ndim == 1 else rng.normal(0, 1, leaf.shape)
        return jnp.asarray(values / np.sqrt(max(1, np.prod(leaf.shape[:-1]))), leaf.dtype)

    variables = jax.tree.map(fill, shapes)
    image = make_image(40, 50)
    predictor = Predictor(model, variables, dataclasses.replace(PLAIN, mean=(127.5, 127.5, 127.5)))
    probability = predictor(image)
    logits = jax.jit(lambda x: model.apply(variables, x, train=False))(predictor.preprocess.normalise(image)[None])
    own = jax.nn.softmax(logits, axis=-1)[0, ..., 1]
    assert np.ptp(probability) > 0.01  # neither saturated nor constant
    np.testing.assert_allclose(probability, own, atol=1e-5)


def test_attention_is_shown_in_the_pixels_of_the_photograph(make_image):
    """Resized from 80 x 60 to 40 x 50 and padded to 64 x 64, in one pass even where predictions are tiled."""
    model = models.build("denseunet", size="micro", attention="pwa", levels=(3,))
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False))
    variables = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.1, leaf.dtype), shapes)
    predictor = Predictor(model, variables, dataclasses.replace(PLAIN, image_size=(40, 50)), tile=(32, 32))
    (skip,) = predictor.skips(make_image(80, 60)).values()
    assert skip.x.shape[:3] == (1, 4, 4)
    assert (skip.size, skip.shown, skip.grid) == ((40, 50), (80, 60), (3, 4))
    np.testing.assert_array_equal(np.asarray(skip.valid[0]).sum(0), [3, 3, 3, 3])
    np.testing.assert_array_equal(skip.cells([(31, 18), (32, 19), (79, 59)]), [[0, 0], [1, 1], [2, 3]])
    found = skip.rows([(79, 59)])
    assert np.argwhere(found.values).tolist() == [[0, 0, 2, 3]]
    np.testing.assert_allclose(found.cell, (32, 19.2))
    with pytest.raises(ValueError, match=r"pixel \(80, 0\) is off the image of 80 rows and 60 columns"):
        skip.rows([(80, 0)])


def test_attention_of_a_wrong_image_or_network_is_refused(make_image):
    predictor = Predictor(models.build("denseunet", size="micro"), {}, PLAIN)
    with pytest.raises(ValueError, match="want uint8"):
        predictor.skips(np.zeros((4, 5, 3), np.float32))
    with pytest.raises(ValueError, match="no attention"):
        predictor.skips(make_image())
