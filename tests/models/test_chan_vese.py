"""The contour, by hand on 3 x 3 pixels, and what its means and its canvas may and may not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.layers import frame
from jaxseg.models.chan_vese import contour

DOT = np.zeros((3, 3))
DOT[1, 1] = 1

# mu, lambda, u after the first and after the second step, from 1/2 everywhere.
STEPS = [
    (1, 1, [[0, 0.125, 0], [0.125, 0.75, 0.125], [0, 0.125, 0]], [[0, 0, 0], [0, 0.625, 0], [0, 0, 0]]),
    (
        2,
        4,
        [[0.125, 0.25, 0.125], [0.25, 0.625, 0.25], [0.125, 0.25, 0.125]],
        [[0.0625, 0.15625, 0], [0.15625, 0.3125, 0.03125], [0, 0.03125, 0]],
    ),
]


def maps(seed, batch=2, shape=(6, 7)):
    """Return u, the image, mu and lambda; lambda is large enough for d to be more than 0."""
    rng = np.random.default_rng(seed)
    u, image, mu, weight = (jnp.asarray(rng.uniform(size=(batch, *shape)), jnp.float32) for _ in range(4))
    return u, image, mu, 8 * weight


@pytest.mark.parametrize(("mu", "weight", "first", "second"), STEPS)
@pytest.mark.parametrize("means", ["image", "batch"])
def test_two_steps_by_hand(mu, weight, first, second, means):
    around = [jnp.full((1, 3, 3), value, jnp.float32) for value in (0.5, mu, weight)]
    for iterations, wanted in ((1, first), (2, second)):
        u = contour(around[0], jnp.float32(DOT)[None], *around[1:], iterations=iterations, means=means)
        np.testing.assert_allclose(u[0], wanted, atol=1e-6)


def test_an_images_means_are_its_own_or_those_of_the_batch():
    pair = maps(0)
    alone = [x[:1] for x in pair]
    own, shared = (contour(*pair, means=means) for means in ("image", "batch"))
    np.testing.assert_allclose(own[:1], contour(*alone), atol=1e-6)
    np.testing.assert_allclose(contour(*alone, means="batch"), contour(*alone), atol=1e-6)
    assert np.abs(shared - own).max() > 1e-3
    twice = [jnp.concatenate([x, x]) for x in alone]
    np.testing.assert_allclose(contour(*twice, means="batch")[1:], contour(*alone), atol=1e-6)


def test_the_first_step_has_no_means_of_the_image():
    np.testing.assert_array_equal(*(contour(*maps(1), iterations=1, means=means) for means in ("image", "batch")))


@pytest.mark.parametrize("shares", [pytest.param(2, marks=pytest.mark.slow), 8])
def test_the_means_of_a_batch_that_is_shared_are_those_of_the_whole(shares):
    whole = maps(2, batch=8)
    split = [x.reshape(shares, -1, *x.shape[1:]) for x in whole]
    like = {"iterations": 3, "means": "batch"}
    found = jax.vmap(lambda *x: contour(*x, **like, axis_name="devices"), axis_name="devices")(*split)
    np.testing.assert_allclose(found.reshape(whole[0].shape), contour(*whole, **like), atol=1e-6)
    apart = jax.vmap(lambda *x: contour(*x, **like))(*split).reshape(whole[0].shape)
    assert np.abs(apart - found.reshape(apart.shape)).max() > 1e-3


@pytest.mark.parametrize("means", ["image", "batch"])
def test_a_larger_canvas_and_what_is_on_it_change_nothing(means):
    """Frames are 8 x 8 pixels; of these 6 x 7 and 8 x 5 are real."""
    rng, sizes = np.random.default_rng(3), jnp.array([[6, 7], [8, 5]])
    snug = maps(4, shape=(8, 8))
    canvas = [rng.normal(size=(2, 16, 12)).astype(np.float32) for _ in snug]
    for wide, x in zip(canvas, snug, strict=True):
        wide[:, :8, :8] = x
    canvas[3] = np.abs(canvas[3])
    like = {"iterations": 3, "means": means}
    wanted = contour(*snug, valid=frame.first(sizes, (8, 8)), **like)
    with frame.inside(sizes, (16, 12), 8):
        found = contour(*map(jnp.asarray, canvas), valid=frame.first(sizes, (16, 12)), **like)
    np.testing.assert_allclose(found[:, :8, :8], wanted, atol=1e-6)
    assert np.abs(contour(*snug, **like) - wanted).max() > 1e-3  # what is padding counts, if it is not told


@pytest.mark.parametrize(("epsilon", "lives"), [(1e-8, False), (1e-3, True)])
def test_the_published_epsilon_ends_the_gradient_where_lambda_is_0(epsilon, lives):
    """Mu is of the order of its unit, 0.001, as a network's is."""
    u, image, mu, _ = maps(5)

    def total(u, mu):
        return contour(u, image, 1e-3 * mu, jnp.zeros_like(mu), iterations=1, epsilon=epsilon).sum()

    for gradient in jax.grad(total, (0, 1))(u, 0.1 + mu):
        assert np.isfinite(gradient).all()
        assert (np.abs(gradient).max() > 1e-3) == lives
