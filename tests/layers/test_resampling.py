import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxseg.layers import avg_pool, avg_pool2, max_pool, max_pool2, repeat2, resize, upsample2


def xla_max_pool(x):
    return nn.max_pool(x, (3, 3), (2, 2), "SAME")


def xla_max_pool2(x):
    return nn.max_pool(x, (2, 2), (2, 2), "VALID")


def xla_avg_pool(x):
    return nn.avg_pool(x, (3, 3), (2, 2), "SAME", count_include_pad=False)


def align_corners(x):
    """Double both sides of [batch, height, width, channels] in loops: the corners of in- and output coincide."""
    _, height, width, _ = x.shape
    y = np.zeros((x.shape[0], 2 * height, 2 * width, x.shape[3]))
    for p in range(2 * height):
        for q in range(2 * width):
            row, column = p * (height - 1) / (2 * height - 1), q * (width - 1) / (2 * width - 1)
            top, left = int(row), int(column)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            a, b = row - top, column - left
            upper = (1 - b) * x[:, top, left] + b * x[:, top, right]
            lower = (1 - b) * x[:, bottom, left] + b * x[:, bottom, right]
            y[:, p, q] = (1 - a) * upper + a * lower
    return y


@pytest.mark.parametrize(
    ("ours", "xla"), [(max_pool, xla_max_pool), (max_pool2, xla_max_pool2), (avg_pool, xla_avg_pool)]
)
@settings(max_examples=8)
@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 99))
def test_pooling_and_its_gradient_are_xlas(ours, xla, height, width, seed):
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.integers(0, 3, size=(2, height, width, 2)), jnp.float32)  # many ties
    weight = jnp.asarray(rng.normal(size=jax.eval_shape(xla, x).shape), jnp.float32)

    @jax.jit
    def values_and_gradients(x):
        (y, pull), (expected, its_pull) = jax.vjp(ours, x), jax.vjp(xla, x)
        return (y, pull(weight)), (expected, its_pull(weight))

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), *values_and_gradients(x))


def test_average_divides_by_the_number_of_real_pixels():
    np.testing.assert_array_equal(avg_pool(jnp.ones((1, 4, 6, 1))), np.ones((1, 2, 3, 1)))
    # 3x2: rows are padded on both sides, columns on the right alone.
    x = jnp.arange(6.0).reshape(1, 3, 2, 1)
    np.testing.assert_allclose(avg_pool(x)[0, :, 0, 0], [(0 + 1 + 2 + 3) / 4, (2 + 3 + 4 + 5) / 4])


def test_max_pool_shows_a_nan():
    x = np.zeros((3, 4, 4, 1), np.float32)
    for place in range(3):
        x[place, place, 2 - place] = np.nan
    assert jnp.isnan(jax.jit(max_pool)(x)[:, 0, 0, 0]).all()


@settings(max_examples=8)
@given(height=st.integers(1, 7), width=st.integers(1, 7))
def test_upsampling_aligns_the_corners(height, width):
    x = np.random.default_rng(height).normal(size=(2, height, width, 3))
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(upsample2)(x), align_corners(x), atol=1e-12)


@pytest.mark.parametrize("grid", [(1, 1), (3, 4), (5, 2)])
def test_doubling_by_repetition_by_middles_and_by_means(grid):
    rows, columns = grid
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, *grid, 3)), jnp.float32)
    doubled = (2, 2 * rows, 2 * columns, 3)
    np.testing.assert_array_equal(repeat2(x), jax.image.resize(x, doubled, "nearest"))
    by_middles = jax.image.resize(x, doubled, "linear")
    np.testing.assert_allclose(upsample2(x, align_corners=False), by_middles, atol=1e-6)
    np.testing.assert_allclose(avg_pool2(repeat2(x)), x, atol=1e-6)
    ragged = jnp.pad(by_middles, ((0, 0), (0, 1), (0, 1), (0, 0)))  # a last row and column that have no partner
    expected = np.asarray(by_middles).reshape(2, rows, 2, columns, 2, 3).mean((2, 4))
    np.testing.assert_allclose(avg_pool2(ragged), expected, atol=1e-6)


def test_the_gradient_of_upsampling_is_its_transpose():
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 3, 4, 2)))
        weight = np.random.default_rng(1).normal(size=(1, 6, 8, 2))
        gradient = jax.jit(jax.grad(lambda x: (upsample2(x) * weight).sum()))(x)
        units = np.eye(x.size).reshape(x.size, *x.shape)
        np.testing.assert_allclose(gradient.ravel(), [(align_corners(unit) * weight).sum() for unit in units])


@pytest.mark.parametrize("layer", [max_pool, avg_pool, avg_pool2, upsample2])
def test_the_type_stays_and_bfloat16_is_rounded_once(layer):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 6, 5, 2)), jnp.bfloat16)
    y, wide = jax.jit(lambda x: (layer(x), layer(x.astype(jnp.float32))))(x)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_array_equal(y, wide.astype(jnp.bfloat16))


def sides(*real):
    """Return the lengths of two images' real parts."""
    return jnp.array([real, real])


def test_resizing_is_what_its_names_say():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 5, 2)), jnp.float32)

    @jax.jit
    def run(x):
        corners = resize(x, (6, 10), sides(3, 5), sides(6, 10), align_corners=True)
        edges = resize(x, (7, 6), sides(3, 5), sides(7, 6), align_corners=False)
        return corners, upsample2(x), edges, jax.image.resize(x, (2, 7, 6, 2), "linear")

    corners, doubled, edges, image = run(x)
    np.testing.assert_allclose(corners, doubled, atol=1e-5)
    np.testing.assert_allclose(edges, image, atol=1e-5)


def test_resizing_sees_nothing_of_the_frame():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 1)).astype(np.float32)
    framed = np.pad(x, ((0, 0), (0, 2), (0, 4), (0, 0)), constant_values=np.float32(7))
    run = jax.jit(resize, static_argnames=("grid", "align_corners"))
    for corners in (False, True):
        alone = run(x, grid=(7, 6), old=sides(3, 5), new=sides(7, 6), align_corners=corners)
        inside = run(framed, grid=(9, 9), old=sides(3, 5), new=sides(7, 6), align_corners=corners)
        np.testing.assert_allclose(inside[:, :7, :6], alone, atol=1e-5)
