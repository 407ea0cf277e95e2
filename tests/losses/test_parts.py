"""The distance transform and the soft skeleton inside losses, against scipy and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import labels_of, logits_of
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from jaxseg import losses
from jaxseg.losses.boundary import distance, signed_distance
from jaxseg.losses.cldice import soft_skeleton

compiled = jax.jit(distance)


@given(st.integers(0, 10**6), st.sampled_from([(1, 1), (1, 9), (8, 1), (7, 12), (31, 20)]), st.floats(0.01, 0.9))
def test_the_distance_is_scipys(seed, shape, share):
    region = np.random.default_rng(seed).random(shape) < share
    region.flat[seed % region.size] = True
    np.testing.assert_allclose(compiled(jnp.asarray(region)), distance_transform_edt(~region), rtol=1e-6)


def test_the_signed_distance_is_kervadecs_within_the_valid_pixels():
    rng = np.random.default_rng(0)
    truth = rng.random((3, 9, 11)) < 0.3
    truth[1], truth[2] = False, True
    valid = np.zeros_like(truth)
    valid[:, :7, :8] = True
    found = np.asarray(jax.jit(signed_distance)(jnp.asarray(truth | ~valid), jnp.asarray(valid)))
    inner = truth[0, :7, :8]
    outside, inside = distance_transform_edt(~inner), distance_transform_edt(inner)
    np.testing.assert_allclose(found[0, :7, :8], outside * ~inner - (inside - 1) * inner, rtol=1e-6)
    assert not found[0][~valid[0]].any()
    assert not found[1:].any()  # a class that is absent, or fills the image


def test_the_boundary_loss_of_a_square():
    square = np.zeros((5, 5), int)
    square[1:4, 1:4] = 1
    phi = np.asarray(jax.jit(signed_distance)(jnp.asarray(square == 1), jnp.ones((5, 5), bool)))
    assert phi[2, 2] == -1
    assert phi[1, 1] == phi[1, 2] == 0
    assert phi[0, 2] == 1
    assert phi[0, 0] == pytest.approx(2**0.5)
    loss = jax.jit(losses.build("boundary"))
    assert loss(logits_of(square), labels_of(square)) == pytest.approx(-0.04, abs=1e-6)
    assert loss(logits_of(np.ones((5, 5))), labels_of(square)) == pytest.approx(0.66627, abs=1e-5)
    both, region = (
        jax.jit(part)(logits_of(np.ones((5, 5))), labels_of(square))
        for part in (losses.build("boundary", generalized_dice_weight=2.0), losses.build("generalized_dice"))
    )
    assert both == pytest.approx(0.66627 + 2 * float(region), abs=1e-5)


def skeleton(picture, iterations, valid=None):
    maps = jnp.asarray(picture, jnp.float32)[None, ..., None]
    valid = jnp.ones(maps.shape, bool) if valid is None else jnp.asarray(valid)[None, ..., None]
    return np.asarray(jax.jit(soft_skeleton, static_argnums=2)(maps, valid, iterations))[0, ..., 0]


@pytest.mark.parametrize("iterations", [1, 2, 10])
def test_the_skeleton_of_a_bar_and_of_a_line(iterations):
    bar, line = np.zeros((7, 9)), np.zeros((5, 9))
    bar[2:5, 2:7], line[2, 2:7] = 1, 1
    centre = np.zeros((7, 9))
    centre[3, 3:6] = 1
    np.testing.assert_array_equal(skeleton(bar, iterations), centre)
    np.testing.assert_array_equal(skeleton(line, iterations), line)


def by_loops(x, iterations):
    """The soft skeleton, cell by cell."""
    height, width = x.shape

    def over(x, places, best):
        found = np.empty_like(x)
        for i in range(height):
            for j in range(width):
                cells = [(i + a, j + b) for a, b in places]
                found[i, j] = best(x[a, b] for a, b in cells if 0 <= a < height and 0 <= b < width)
        return found

    cross = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    square = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]

    def edges(x):
        return np.maximum(x - over(over(x, cross, min), square, max), 0)

    skeleton = edges(x)
    for _ in range(iterations):
        x = over(x, cross, min)
        found = edges(x)
        skeleton = skeleton + np.maximum(found - skeleton * found, 0)
    return skeleton


def test_the_skeleton_of_grey_levels_is_that_of_loops_and_ignores_what_is_not_valid():
    x = np.random.default_rng(0).random((8, 11)).astype(np.float32)
    expected = by_loops(x, 3)
    np.testing.assert_allclose(skeleton(x, 3), expected, atol=1e-6)
    padded = np.pad(x, ((0, 2), (0, 3)), constant_values=1)
    valid = np.pad(np.ones(x.shape, bool), ((0, 2), (0, 3)))
    found = skeleton(padded, 3, valid)
    np.testing.assert_allclose(found[:8, :11], expected, atol=1e-6)
    assert not found[~valid].any()
