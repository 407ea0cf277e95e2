import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes
from jax import lax

from jaxseg import models
from jaxseg.layers import Numerics
from jaxseg.models.blocks import UpConv


@pytest.mark.parametrize(("width", "count"), [(8, 486_562), (16, 1_942_594), (64, 31_037_698)])
def test_parameter_counts(width, count):
    """The counts are those of the public padded form (NCHW, bilinear=False) for three inputs and two classes."""
    params = shapes(models.build("unet", width=width))["params"]
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)) == count
    assert count == 7574 * width**2 + 228 * width + 2


def reference(variables, x):
    """The layer table in plain calls of XLA and Flax, in evaluation mode; sides must be multiples of 16."""
    params, stats = variables["params"], variables["batch_stats"]

    def pair(x, name):
        for layer in ("cbr1", "cbr2"):
            of, state = params[name][layer], stats[name][layer]["norm"]
            x = lax.conv_general_dilated(
                x, of["conv"]["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            norm = of["norm"]
            x = nn.relu((x - state["mean"]) / jnp.sqrt(state["var"] + 1e-5) * norm["scale"] + norm["bias"])
        return x

    skips = []
    for level in range(4):
        skips.append(pair(x, f"down{level}"))
        x = nn.max_pool(skips[-1], (2, 2), (2, 2))
    x = pair(x, "bottom")
    for level in (3, 2, 1, 0):
        of = params[f"upconv{level}"]
        # Flax's transposed convolution turns its kernel by itself: output 2 i + k reads input i by tap k.
        x = lax.conv_transpose(x, of["kernel"][::-1, ::-1], (2, 2), "VALID", transpose_kernel=False) + of["bias"]
        x = pair(jnp.concatenate([skips[level], x], -1), f"up{level}")
    head = params["head"]["conv"]
    return x @ head["kernel"][0, 0] + head["bias"]


def test_equals_the_layer_table():
    model = models.build("unet", width=4)
    images = jnp.asarray(np.random.default_rng(0).normal(size=(1, 48, 32, 3)), jnp.float32)
    variables = fill(shapes(model), seed=1)
    ours, expected = jax.jit(lambda v, x: (model.apply(v, x), reference(v, x)))(variables, images)
    np.testing.assert_allclose(ours, expected, atol=1e-5 * float(jnp.abs(expected).max()))


def test_a_transposed_convolution_puts_each_tap_at_its_place():
    rng = np.random.default_rng(0)
    x, kernel, bias = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(2, 2, 4, 3)), rng.normal(size=3)
    wanted = np.zeros((2, 6, 10, 3))
    for row, column in np.ndindex(6, 10):
        wanted[:, row, column] = x[:, row // 2, column // 2] @ kernel[row % 2, column % 2] + bias
    module = UpConv(3, Numerics())
    with jax.enable_x64(True):
        variables = {"params": {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias)}}
        np.testing.assert_allclose(module.apply(variables, jnp.asarray(x)), wanted, atol=1e-12)
    narrow = UpConv(3, Numerics(jnp.bfloat16)).apply(jax.tree.map(jnp.float32, variables), jnp.asarray(x, jnp.float32))
    assert narrow.dtype == jnp.bfloat16


def test_a_width_that_is_none():
    with pytest.raises(ValueError, match="width is 0; it must be at least 1"):
        models.build("unet", width=0)


@pytest.fixture(scope="module")
def seen():
    """The skips of a padded image, 37 x 45 pixels in a frame of 48 x 48."""
    model = models.build("unet", width=4, attention="sa", attention_options={"gamma_init": 1.0})
    image = np.zeros((1, 48, 48, 3), np.float32)
    image[:, :37, :45] = np.random.default_rng(0).normal(size=(37, 45, 3))
    return models.skips(model, fill(shapes(model), seed=1), image, np.array([[37, 45]]))


def test_rows_cover_the_image_at_every_stride(seen):
    assert [skip.stride for skip in seen.values()] == [1, 2, 4, 8]
    for skip, grid in zip(seen.values(), [(37, 45), (19, 23), (10, 12), (5, 6)], strict=True):
        assert skip.grid == grid
        row = skip.rows([(36, 44)])
        assert row.values.shape == (1, 1, *grid)
        assert row.cell == (skip.stride, skip.stride)
        left, right, bottom, top = row.extent
        assert (left, top) == (-0.5, -0.5)
        assert right >= 44.5
        assert bottom >= 36.5
        assert (row.values != 0).all()  # self-attention reads the whole image, its last row and column too
    np.testing.assert_array_equal(seen[0].cells([(0, 0), (36, 44)]), [[0, 0], [36, 44]])


def test_the_layer_table_names_its_levels():
    text = models.summarise(models.build("unet", width=2, attention="pwa"), (1, 33, 32, 3)).text()
    layers, levels, attention, _ = text.split("\n\n")
    assert "upconv3" in layers
    assert [line.split()[0] for line in levels.splitlines()] == ["level", "1/1", "1/2", "1/4", "1/8", "1/16"]
    assert len(attention.splitlines()) == 5
