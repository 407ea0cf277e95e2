"""Blocks against other ways to write them: transposed convolutions, padding alike on both sides, heads."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill
from jax import lax

from jaxseg.layers import Conv, Numerics, conv, max_pool, repeat2
from jaxseg.models.blocks import ForegroundHead, UpConv3
from jaxseg.models.focusnet import FocusNet
from jaxseg.models.hdenseunet import centred


def drawn(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("use_bias", [False, True])
def test_the_transposed_convolution_is_the_gradient_of_the_strided_one(use_bias):
    x, kernel = drawn(2, 3, 5, 4), drawn(3, 3, 4, 2, seed=1)
    params = {"kernel": kernel} | ({"bias": drawn(2, seed=2)} if use_bias else {})
    found = UpConv3(2, Numerics(), use_bias=use_bias).apply({"params": params}, x)
    _, pull = jax.vjp(lambda wide: conv(wide, kernel.swapaxes(2, 3), strides=2), jnp.zeros((2, 6, 10, 2)))
    np.testing.assert_allclose(found, pull(x)[0] + params.get("bias", 0), atol=1e-5)
    like = {"strides": (2, 2), "padding": "SAME", "transpose_kernel": True}
    np.testing.assert_allclose(
        found, lax.conv_transpose(x, kernel.swapaxes(2, 3), **like) + params.get("bias", 0), atol=1e-5
    )


@pytest.mark.parametrize("taps", [3, 7])
def test_centred_is_a_convolution_padded_alike_on_both_sides(taps):
    x, layer = drawn(2, 8, 12, 3), Conv(4, (taps, taps), strides=2, use_bias=False)
    variables = fill(jax.eval_shape(layer.init, jax.random.key(0), x))
    found = centred(layer.bind(variables), x)
    wanted = lax.conv_general_dilated(
        x,
        variables["params"]["kernel"],
        (2, 2),
        [(taps // 2,) * 2] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    assert found.shape == (2, 4, 6, 4)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.abs(found - layer.apply(variables, x)).max() > 0.1


def test_centred_is_a_pooling_padded_alike_on_both_sides():
    x = jnp.abs(drawn(2, 8, 12, 3))
    np.testing.assert_array_equal(centred(max_pool, x), nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1))))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_head_of_the_foreground_leaves_the_background_0(classes):
    x = drawn(1, 4, 5, 6)
    plain, rectified = (ForegroundHead(classes, rectified=flag) for flag in (False, True))
    variables = fill(jax.eval_shape(plain.init, jax.random.key(0), x))
    found, cut = plain.apply(variables, x), rectified.apply(variables, x)
    assert found.shape == (1, 4, 5, classes)
    assert not np.asarray(found[..., 0]).any()
    assert (found[..., 1:] < 0).any()
    np.testing.assert_array_equal(cut, jnp.maximum(found, 0))
    kernel, bias = (variables["params"]["foreground"]["conv"][kind] for kind in ("kernel", "bias"))
    np.testing.assert_allclose(found[..., 1:], x @ kernel[0, 0] + bias, atol=1e-5)


class Maps(FocusNet):
    @nn.compact
    def __call__(self, x, *, train):
        return self._map(2, x, train)


@pytest.mark.parametrize("train", [False, True])
def test_a_map_of_focusnet_is_that_of_repeated_features(train):
    """As published, the features are repeated first; the statistics of the batch are the same."""
    x, model = drawn(2, 3, 5, 4), Maps(scale=0.02, num_classes=3)
    variables = fill(jax.eval_shape(lambda: model.init(jax.random.key(0), x, train=False)))
    like = {"train": train, "mutable": ["batch_stats"]}
    found, new = model.apply(variables, x, **like)
    after, new_after = model.apply(variables, repeat2(repeat2(x)), **like)
    assert found.shape == (2, 12, 20, 2)
    np.testing.assert_allclose(found, after[:, ::4, ::4], atol=1e-6)
    for ours, others in zip(jax.tree.leaves(new), jax.tree.leaves(new_after), strict=True):
        np.testing.assert_allclose(ours, others, atol=1e-5)
