import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxseg.layers import Conv, conv, convolution


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Cut the weight gradients of small images into blocks too."""
    monkeypatch.setattr(convolution, "BLOCK", 256)


def plain(x, kernel, strides=1, dilation=1):
    """XLA's convolution, with XLA's own gradients."""
    space = "DHW"[5 - x.ndim :]
    layout = (f"N{space}C", f"{space}IO", f"N{space}C")
    rank = x.ndim - 2
    return lax.conv_general_dilated(
        x, kernel, (strides,) * rank, "SAME", rhs_dilation=(dilation,) * rank, dimension_numbers=layout
    )


def draw(x_shape, taps, features, dtype=jnp.float32, seed=0):
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.normal(size=x_shape), dtype)
    return x, jnp.asarray(rng.normal(size=(*taps, x_shape[-1], features)), dtype)


def value_and_gradients(function, x, kernel):
    y, pull = jax.vjp(function, x, kernel)
    return y, *pull(jnp.sin(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))


@settings(max_examples=20)
@given(data=st.data())
def test_values_and_gradients_are_those_of_xla(data):
    rank = data.draw(st.sampled_from([1, 2, 2, 2, 3]))
    sides = data.draw(st.tuples(*[st.integers(1, 7)] * rank))
    taps = data.draw(st.tuples(*[st.sampled_from([1, 2, 3, 3, 5])] * rank))
    batch, inputs, features = (data.draw(st.integers(1, 6)) for _ in range(3))
    strides, dilation = data.draw(st.sampled_from([(1, 1), (1, 1), (1, 1), (2, 1), (1, 2)]))
    with jax.enable_x64(True):
        x, kernel = draw((batch, *sides, inputs), taps, features, jnp.float64)

        @jax.jit
        def both(x, kernel):
            ours = value_and_gradients(lambda x, k: conv(x, k, strides=strides, dilation=dilation), x, kernel)
            return ours, value_and_gradients(lambda x, k: plain(x, k, strides, dilation), x, kernel)

        ours, truth = both(x, kernel)
    for mine, its in zip(ours, truth, strict=True):
        np.testing.assert_allclose(mine, its, rtol=0, atol=1e-11)


def test_blocks_follow_the_cache_up_to_a_limit(monkeypatch):
    def convolutions(platform, side):
        x, kernel = draw((4, side, side, 8), (3, 3), 16)
        pull = jax.jit(jax.grad(lambda kernel, x: conv(x, kernel).sum()))
        text = pull.trace(kernel, x).lower(lowering_platforms=(platform,)).as_text()
        return text.count("stablehlo.convolution")

    monkeypatch.setattr(convolution, "BLOCK", 4 * 8 * 32 * 16 * 4)  # 8 rows of four images with 32 columns
    assert convolutions("cpu", 8) == 1
    assert convolutions("cpu", 32) == 4
    monkeypatch.setattr(convolution, "MOST_BLOCKS", 3)
    assert convolutions("cpu", 32) == 3
    assert convolutions("cuda", 32) == 1  # cuDNN needs none of it


def test_vmap_equals_a_loop():
    x, kernel = draw((3, 2, 6, 5, 4), (3, 3), 2)
    gradient = jax.grad(lambda kernel, x: jnp.sin(conv(x, kernel)).sum())
    looped = jnp.stack([jax.jit(gradient)(kernel, image) for image in x])
    np.testing.assert_allclose(jax.jit(jax.vmap(gradient, (None, 0)))(kernel, x), looped, atol=1e-4)


def test_gradient_of_a_scan_equals_the_unrolled_one():
    x, kernel = draw((2, 6, 5, 3), (3, 3), 3)

    def scanned(kernel):
        return jnp.sum(lax.scan(lambda x, _: (jnp.tanh(conv(x, kernel)), None), x, length=2)[0])

    def unrolled(kernel):
        return jnp.sum(jnp.tanh(plain(jnp.tanh(plain(x, kernel)), kernel)))

    np.testing.assert_allclose(jax.jit(jax.grad(scanned))(kernel), jax.grad(unrolled)(kernel), atol=1e-4)


def test_pmap_with_donated_parameters():
    x, kernel = draw((1, 2, 6, 5, 3), (3, 3), 4)

    def step(kernel, x):
        gradient = jax.grad(lambda kernel: jnp.sin(conv(x, kernel)).sum())(kernel)
        return kernel - 0.1 * lax.psum(gradient, "devices")

    stepped = jax.pmap(step, axis_name="devices", donate_argnums=0)(jnp.copy(kernel[None]), x)
    expected = kernel - 0.1 * jax.grad(lambda kernel: jnp.sin(plain(x[0], kernel)).sum())(kernel)
    np.testing.assert_allclose(stepped[0], expected, atol=1e-5)


@pytest.mark.parametrize("taps", [(1, 1), (3, 3)])
def test_bfloat16_gradients_accumulate_in_float32(taps):
    x, kernel = jnp.ones((1, 64, 64, 2), jnp.bfloat16), jnp.ones((*taps, 2, 3), jnp.bfloat16)
    gradient = jax.grad(lambda kernel: conv(x, kernel).astype(jnp.float32).sum())(kernel)
    assert gradient.dtype == jnp.bfloat16
    # A running sum of ones in bfloat16 would stop at 256.
    assert float(gradient[taps[0] // 2, taps[1] // 2, 0, 0]) == 64 * 64


def test_module_computes_in_its_dtype_with_float32_parameters():
    x, _ = draw((2, 5, 7, 3), (3, 3), 4)
    module = Conv(4, strides=2, dtype=jnp.bfloat16)
    variables = module.init(jax.random.key(0), x)
    assert {name: (p.shape, p.dtype.name) for name, p in variables["params"].items()} == {
        "kernel": ((3, 3, 3, 4), "float32"),
        "bias": ((4,), "float32"),
    }
    bias = jnp.arange(4.0)
    y = module.apply({"params": variables["params"] | {"bias": bias}}, x)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(
        np.float32(y), plain(x, variables["params"]["kernel"], 2) + bias, atol=0.05
    )  # rounding of inputs and sums to 8 bits


def test_dimensions_that_disagree_are_told():
    with pytest.raises(ValueError, match="x has 1 spatial dimensions and the kernel 2"):
        conv(jnp.ones((1, 5, 3)), jnp.ones((3, 3, 3, 2)))
