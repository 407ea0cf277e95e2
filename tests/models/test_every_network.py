"""The shared tester, in part two: what every network keeps to where it is trained, shared, rounded, resumed, shown."""

import os
import signal
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes
from small import SMALLEST, at_both_ends, smallest

from jaxseg import config, inference, losses, models
from jaxseg.data.stream import Batch
from jaxseg.interrupt import Stopped
from jaxseg.jobs.train import train
from jaxseg.layers import Numerics
from jaxseg.runs.checkpoint import load_variables
from jaxseg.training.step import DEVICES, gradients

CASES = [(name, attention) for name in SMALLEST for attention in ("none", "ja9")]
# By default a network with attention, and one with auxiliary logits, have the properties that cost a compile.
DEFAULT = [("unet", "ja9"), ("wnet", "none")]


def every(default):
    """Return a mark for all networks, without and with attention; those that are not in ``default`` are slow."""
    marked = [pytest.param(*case, marks=() if case in default else pytest.mark.slow) for case in CASES]
    return pytest.mark.parametrize(("name", "attention"), marked)


def drawn(model, batch=8, side=32):
    rng = np.random.default_rng(1)
    side = max(side, model.stride)
    images = jnp.asarray(rng.normal(size=(batch, side, side, 3)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 2, size=(batch, side, side)), jnp.int32)
    sizes = jnp.full((batch, 2), side).at[0].set(jnp.array([side - 5, side - 2]))
    valid = jax.vmap(lambda size: (jnp.arange(side)[:, None] < size[0]) & (jnp.arange(side) < size[1]))(sizes)
    return Batch(images, labels, valid, sizes)


@partial(jax.jit, static_argnums=(0, 1))
def step(model, count, variables, batch):
    """Return loss, statistics and gradients of a batch in so many shares.

    By a mapped axis on one device, whose collectives are those of many.
    """
    shared, loss = jax.tree.map(lambda leaf: leaf.reshape(count, -1, *leaf.shape[1:]), batch), losses.build("dice_ce")

    def share(batch):
        stats = variables["batch_stats"]
        return gradients(model, loss, variables["params"], stats, batch, jax.random.key(0))

    return jax.tree.map(lambda leaf: leaf[-1], jax.vmap(share, axis_name=DEVICES)(shared))


def in_float64(model, variables):
    wide = model.clone(numerics=Numerics(jnp.float64, DEVICES))
    return wide, jax.tree.map(lambda leaf: leaf.astype(jnp.float64), variables)


@every(DEFAULT[:1])
def test_eight_shares_of_a_batch_are_one(name, attention):
    """In float64, since rounding grows."""
    model = at_both_ends(name, attention=attention)
    variables, batch = fill(shapes(model)), drawn(model)
    with jax.enable_x64(True):
        model, variables = in_float64(model, variables)
        for one, eight in zip(*(step(model, count, variables, batch) for count in (1, 8)), strict=True):
            top = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(one))
            assert top > 1e-6
            # Running statistics are float32.
            for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(eight), strict=True):
                np.testing.assert_allclose(a, b, atol=1e-6 * top)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_a_network_computed_again_in_the_backward_pass_has_its_gradients(name):
    """And its statistics, with what dropout draws; in float64, since rounding grows."""
    model = smallest(name, attention="none")
    variables, batch = fill(shapes(model)), drawn(model, batch=2)
    with jax.enable_x64(True):
        model, variables = in_float64(model, variables)
        both = model, model.clone(remat=True)
        kept, twice = (str(step.trace(of, 1, variables, batch).jaxpr).count("conv_general_dilated[") for of in both)
        assert twice > kept
        for whole, again in zip(*(step(of, 1, variables, batch) for of in both), strict=True):
            top = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(whole))
            assert top > 1e-6
            jax.tree.map(partial(np.testing.assert_allclose, rtol=0, atol=1e-9 * top), whole, again)


@every(DEFAULT)
def test_bfloat16_is_near_to_float32(name, attention):
    model = at_both_ends(name, attention=attention)
    variables, batch = fill(shapes(model)), drawn(model, batch=2)
    half = at_both_ends(name, attention=attention, dtype="bfloat16")
    assert jax.tree.all(jax.tree.map(lambda leaf: leaf.dtype == jnp.float32, shapes(half)))
    wide, narrow = jax.jit(model.apply), jax.jit(half.apply)
    # As far as rounding what goes in, and nothing within, moves it: with random weights some networks magnify that.
    given = variables, batch.images
    rounded = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16).astype(jnp.float32), given)
    found = wide(*given), narrow(*given), wide(*rounded)
    assert found[1].dtype == jnp.float32
    p, q, moved = (jax.nn.softmax(logits)[..., 1] for logits in found)
    assert float(jnp.abs(p - q).mean()) < max(0.03, 2 * float(jnp.abs(p - moved).mean()))
    assert (p != q).any()


@every(DEFAULT[1:])
def test_jit_changes_nothing(name, attention):
    model = at_both_ends(name, attention=attention)
    variables, images = fill(shapes(model)), drawn(model, batch=1).images
    compiled = jax.jit(model.apply)(variables, images)
    np.testing.assert_allclose(model.apply(variables, images), compiled, atol=2e-5 * float(jnp.abs(compiled).max()))


@every(DEFAULT)
def test_layers_and_rows_are_shown(name, attention):
    model = at_both_ends(name, attention=attention)
    variables = fill(shapes(model))
    images = jnp.asarray(np.random.default_rng(0).normal(size=(1, 37, 45, 3)), jnp.float32)
    found = models.summarise(model, (2, 37, 45, 3))
    assert found.parameters == sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    assert found.products > 0
    assert "prediction of one image" in str(found)
    if model.attention == "none":
        with pytest.raises(ValueError, match="no attention"):
            models.skips(model, variables, images)
        return
    for level, skip in models.skips(model, variables, images).items():
        stride = model.skip_strides[level]
        for values in jax.tree.leaves(skip.rows([(36, 44)]), is_leaf=lambda leaf: isinstance(leaf, models.Map)):
            assert values.values.shape[-2:] == (-(-37 // stride), -(-45 // stride))
            assert np.isfinite(values.values).all()


def settings(name, attention, cache):
    wanted = config.defaults()
    wanted.model.name, wanted.model.attention = name, attention
    for option, value in SMALLEST[name].items():
        (wanted.model if option in wanted.model else wanted.model.options)[option] = value
    wanted.data.cache_dir = str(cache)
    wanted.data.synthetic = dict(kind="lesion", size=40, train=6, val=1, test=1)
    wanted.train.update(steps=4, batch_size=2, log_every=1, eval_every=2, devices=1)
    return wanted


@every([])  # tests/faults resumes a U-Net
def test_a_run_resumes_exactly_and_predicts(name, attention, tmp_path, monkeypatch):
    wanted = settings(name, attention, tmp_path / "cache")
    train(wanted, tmp_path / "whole")
    with monkeypatch.context() as patch:
        predicted = inference.Predictor.prepared

        def interrupted(self, image):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)  # the main thread hears of it
            return predicted(self, image)

        patch.setattr(inference.Predictor, "prepared", interrupted)
        with pytest.raises(Stopped, match="stopped at step 2 and saved"):
            train(wanted, tmp_path / "again")
    train(wanted, tmp_path / "again")
    (_, whole), (_, again) = (load_variables(tmp_path / run, "latest") for run in ("whole", "again"))
    jax.tree.map(np.testing.assert_array_equal, whole, again)
    image = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)
    probability = inference.load(tmp_path / "again")(image)
    assert probability.shape == (37, 50)
    assert 0 <= probability.min() <= probability.max() <= 1
