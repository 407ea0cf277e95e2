from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.layers import Dropout, Numerics

X = jnp.asarray(np.random.default_rng(0).uniform(1, 2, size=(8, 12, 10, 5)), jnp.float32)


def drop(x, rate=0.25, axis_name=None):
    return Dropout(rate, Numerics(axis_name=axis_name)).apply({}, x, train=True, rngs={"dropout": jax.random.key(3)})


def test_it_drops_the_stated_share_and_scales_the_rest():
    y = np.asarray(drop(X))
    np.testing.assert_allclose((y == 0).mean(), 0.25, atol=0.02)  # 4800 entries: four standard deviations are 0.025
    np.testing.assert_allclose(y[y != 0], np.asarray(X)[y != 0] / 0.75, rtol=1e-6)
    dropped = (y == 0).reshape(len(y), -1)
    assert len(np.unique(dropped, axis=0)) == len(y)  # each sample by its own draw


def test_outside_training_or_at_rate_zero_x_is_left_alone():
    np.testing.assert_array_equal(Dropout(0.25).apply({}, X, train=False), X)  # and no random numbers are asked for
    np.testing.assert_array_equal(Dropout(0.0).apply({}, X, train=True), X)
    assert drop(X.astype(jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize("devices", [2, 8])
def test_devices_drop_what_one_device_drops(devices):
    shares = X.reshape(devices, -1, *X.shape[1:])
    y = jax.vmap(partial(drop, axis_name="devices"), axis_name="devices")(shares)
    np.testing.assert_array_equal(y.reshape(X.shape), drop(X))


def test_it_can_be_initialised_outside_the_mapped_axis():
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    assert not Dropout(0.5, Numerics(axis_name="devices")).init(keys, X, train=True)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_that_is_no_probability_below_one_is_refused(rate):
    with pytest.raises(ValueError, match=f"rate is {rate}; want a probability, 0 to below 1"):
        Dropout(rate)


def test_whole_channels_are_dropped_together():
    dropout = Dropout(0.5, whole_channels=True)
    y = np.asarray(dropout.apply({}, X, train=True, rngs={"dropout": jax.random.key(3)}))
    dropped = (y == 0).all((1, 2))
    assert 0 < dropped.sum() < dropped.size
    np.testing.assert_allclose(y, np.where(dropped[:, None, None], 0, 2 * X), rtol=1e-6)
