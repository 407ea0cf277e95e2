"""The U-Net of 2015: 572 pixels in, 388 out, mirrored at the borders of an image."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import shapes
from framed import compare

from jaxseg import models
from jaxseg.models.network import Attend
from jaxseg.models.valid_unet import attended, mirrored


@pytest.mark.parametrize(
    ("width", "inputs", "classes"), [(2, 3, 2), (16, 3, 4), (64, 1, 2)], ids=["narrow", "classes", "published"]
)
def test_parameter_counts(width, inputs, classes):
    model = models.build("unet", width=width, valid=True, num_classes=classes)
    params = shapes(model, (1, 16, 16, inputs))["params"]
    count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
    assert count == 7574 * width**2 + (9 * inputs + 107 + classes) * width + classes
    assert width != 64 or count == 31_030_658  # the published network


def test_572_pixels_become_388():
    """So it is where the canvas has 384: four more come out of it."""
    model = models.build("unet", width=2, valid=True)
    seen = {}

    def kept(call, args, kwargs, context):
        y = call(*args, **kwargs)
        if context.method_name == "__call__":
            seen[context.module.name] = args[0].shape[1:3], y.shape[1:3]
        return y

    with nn.intercept_methods(kept):
        shapes(model, (1, 384, 384, 3))
    assert seen["down0"] == ((572, 572), (568, 568))
    assert [seen[f"down{level}"][1][0] for level in range(1, 5)] == [280, 136, 64, 28]
    assert seen["up0"] == ((392, 392), (388, 388))
    assert seen["head"] == ((384, 384), (384, 384))


def test_images_are_mirrored_at_their_own_borders():
    """More than once where they are narrow; what lies beyond them on the canvas is not seen."""
    image = np.random.default_rng(0).normal(size=(1, 37, 9, 3))
    given = np.pad(image, ((0, 0), (0, 11), (0, 7), (0, 0)), constant_values=9)
    around = np.pad(image, ((0, 0), (94, 94 + 11), (94, 94 + 7), (0, 0)), "reflect")
    np.testing.assert_allclose(mirrored(jnp.asarray(given), jnp.array([[37, 9]])), around, rtol=1e-6)


@pytest.mark.parametrize("attention", ["sa", pytest.param("swin", marks=pytest.mark.slow)])
def test_an_image_has_its_logits_on_every_canvas(attention):
    compare(models.build("unet", width=2, valid=True, attention=attention, levels=(1, 3)))


def test_attention_leaves_the_cells_around_the_image_as_they_are():
    """Of a canvas of 8 x 16 cells, an image has 5 x 14, four cells inside of a cropped skip."""
    skip, gate = np.random.default_rng(0).normal(size=(2, 1, 16, 24, 3))
    seen = {}

    class Doubling(Attend):
        def __call__(self, level, skip, *, gate):
            seen[level] = skip, gate
            return 2 * skip

    attend = Doubling(models.build("unet", width=2, valid=True), jnp.array([[9, 28]]), (16, 32), False)
    found = attended(attend, 1, jnp.asarray(skip), jnp.asarray(gate))
    factor = np.ones((16, 24, 1))
    factor[4:9, 4:18] = 2
    np.testing.assert_allclose(found, skip * factor, rtol=1e-6)
    for given, whole in zip(seen[1], (skip, gate), strict=True):
        np.testing.assert_allclose(given, whole[:, 4:12, 4:20], rtol=1e-6)


def reach(pixel):
    """Return the first and the last pixel that one pixel of the result reads, by the layers on the deepest way."""
    first = last = pixel
    for _ in range(4):  # two convolutions, then what rose from half the cells
        first, last = (first - 2) // 2, (last + 2) // 2
    first, last = first - 2, last + 2
    for _ in range(4):
        first, last = 2 * first - 2, 2 * last + 1 + 2
    return first, last


def test_the_receptive_field():
    """Of a network of positive weights, where images are 1 from some row on: what they reach is not 0."""
    model = models.build("unet", width=1, valid=True)
    variables = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 1 / 8), shapes(model, (1, 16, 16, 1)))
    variables = jax.tree_util.tree_map_with_path(lambda path, leaf: leaf * (path[-1].key != "bias"), variables)
    rows = np.arange(256)
    images = np.stack([rows >= 128, rows < 128]).astype(np.float32)
    images = np.broadcast_to(images[:, :, None, None], (2, 256, 16, 1))
    logits = np.asarray(jax.jit(model.apply)(variables, images))[..., 8, 0]
    fields = [reach(row) for row in rows]
    np.testing.assert_array_equal(logits[0] > 0, [last >= 128 for _, last in fields])
    np.testing.assert_array_equal(logits[1] > 0, [first < 128 for first, _ in fields])
    assert {last - first + 1 for first, last in fields} == {188, 204}


def test_the_layer_table_names_no_level_of_what_was_cropped():
    """28 cells are a ninth of 252 by chance."""
    levels = models.summarise(models.build("unet", width=1, valid=True), (1, 64, 64, 3)).text().split("\n\n")[1]
    named = {line.split()[0] for line in levels.splitlines()[1:] if line.split()[0].startswith("1/")}
    assert named == {"1/1"}
    assert "28 x 28" in levels


def test_blocks_and_heads_are_refused():
    for own, words in (
        ({"block": "scse"}, "block is 'scse'; want none of it beside valid=True"),
        ({"bottom": "danet"}, "bottom is 'danet'; want none of it beside valid=True"),
        ({"width": 0}, "width is 0; it must be at least 1"),
    ):
        with pytest.raises(ValueError, match=words):
            models.build("unet", valid=True, **own)
