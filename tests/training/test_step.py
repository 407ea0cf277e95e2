"""One step of a small network on one device, against what its parts say by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from filling import fill, shapes
from small import Deep

from jaxseg import losses
from jaxseg.data import stream
from jaxseg.data.augment import Augment
from jaxseg.layers import Numerics
from jaxseg.models import training_pass
from jaxseg.training import devices as on
from jaxseg.training.step import DEVICES, DROPOUT, gradients, initial_state, parallel_step, parallel_steps

SIDE, BATCH = 8, 2
KEY = jax.random.key_data(jax.random.key(7))[None]


def sample(records, key, places):
    return stream.sample(records, key, places, Augment(), (), (90.0,) * 3, (50.0,) * 3)


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    masks = (rng.random((BATCH, SIDE, SIDE)) < 0.3).astype(np.uint8)
    images = rng.integers(0, 256, (BATCH, SIDE, SIDE, 3)).astype(np.uint8)
    return stream.Arrays(images, masks, np.ones_like(masks), np.full((BATCH, 2), SIDE, np.int32))


@pytest.fixture(scope="module")
def variables():
    return fill(shapes(Deep(), (1, 4, 4, 3)))


def step_of(devices, transform, ema_decay, steps=parallel_step):
    return steps(
        devices,
        model=Deep(numerics=Numerics(jnp.float32, DEVICES)),
        loss=losses.build("cross_entropy"),
        optimizer=transform,
        sample=sample,
        ema_decay=ema_decay,
    )


@pytest.fixture(scope="module")
def taken(arrays, variables):
    """States and losses of four steps of gradient descent, with a moving average."""
    devices, transform = jax.devices()[:1], optax.sgd(0.1)
    step = step_of(devices, transform, ema_decay=0.3)
    state = on.replicate(initial_state(variables, transform, ema=True), devices)
    records, places = on.replicate(arrays, devices), on.split(np.arange(BATCH)[None], devices)
    states, values = [on.first(state)], []
    for _ in range(4):
        state, figures = step(state, KEY, records, places, places)
        states.append(on.first(state))
        values.append(float(on.first(figures)["loss"]))
    return states, values


def test_the_moving_average_warms_up_and_then_decays_as_it_is_told(taken):
    """After a step, ema <- d ema + (1 - d) params, of the new parameters, d = min(decay, (1 + step) / (10 + step))."""
    states, _ = taken
    apart = []
    for leaf in range(len(jax.tree.leaves(states[0].params))):
        params = [np.asarray(jax.tree.leaves(state.params)[leaf], np.float64) for state in states]
        ema = params[0]
        for step, decay in enumerate([1 / 10, 2 / 11, 3 / 12, 0.3]):
            ema = decay * ema + (1 - decay) * params[step + 1]
            np.testing.assert_allclose(jax.tree.leaves(states[step + 1].ema)[leaf], ema, rtol=1e-5, atol=1e-7)
        apart.append(np.abs(params[4] - ema).max())
    assert max(apart) > 1e-3


def test_the_loss_is_that_of_the_logits_and_a_quarter_of_the_auxiliary_ones(taken, arrays, variables):
    """The declared weight of the network's auxiliary logits is 0.25; dropout's key is that of (seed, step)."""
    batch = sample(arrays, jax.random.key(0), jnp.arange(BATCH))
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(7), 0), DROPOUT)
    logits, new = Deep().apply(
        variables, batch.images, train=True, rngs={"dropout": key}, mutable=["batch_stats", "auxiliary"]
    )
    loss = losses.build("cross_entropy")
    own, side = (loss(z, batch.labels, batch.valid) for z in (logits, new["auxiliary"]["side"]))
    wanted = own + 0.25 * side
    assert taken[1][0] == pytest.approx(float(wanted), rel=1e-5)
    assert abs(float(side)) > 1e-2


def test_auxiliary_logits_have_the_loss_that_was_published_for_them(arrays, variables):
    """Loss and gradients are those of squared errors, and of a hundredth of cross entropy beside them."""
    batch, key = sample(arrays, jax.random.key(0), jnp.arange(BATCH)), jax.random.key(1)
    params, stats = variables["params"], variables["batch_stats"]
    model = Deep(numerics=Numerics(jnp.float32, DEVICES))

    def wanted(params):
        logits, auxiliary, _ = training_pass(Deep(), {**variables, "params": params}, batch.images, batch.sizes, key)
        squares = jnp.square(jax.nn.softmax(logits)[..., 1] - batch.labels)
        beside = losses.build("cross_entropy")(auxiliary["side"], batch.labels, batch.valid)
        return (squares * batch.valid).sum() + 0.25 * 0.01 * beside

    @jax.jit
    def run(batch):
        def found(batch):
            grads, _, value = gradients(model, losses.build("dacn"), params, stats, batch, key)
            return grads.tree(), value

        alone = jax.vmap(found, axis_name=DEVICES)(jax.tree.map(lambda leaf: leaf[None], batch))
        return jax.tree.map(lambda leaf: leaf[0], alone), jax.value_and_grad(wanted)(params)

    (grads, value), (expected, slopes) = run(batch)
    assert value == pytest.approx(float(expected), rel=1e-5)
    assert np.abs(slopes["auxiliary_side"]["conv"]["kernel"]).max() > 1e-5  # a head that cross entropy alone reaches
    for ours, others in zip(jax.tree.leaves(grads), jax.tree.leaves(slopes), strict=True):
        np.testing.assert_allclose(ours, others, rtol=1e-4, atol=1e-6)


def test_every_step_drops_something_else(arrays, variables):
    """At a learning rate of zero two steps differ by dropout alone."""
    devices, transform = jax.devices()[:1], optax.sgd(0.0)
    step = step_of(devices, transform, ema_decay=0.0)
    records, places = on.replicate(arrays, devices), on.split(np.arange(BATCH)[None], devices)
    seen = []
    for _ in range(2):
        state = on.replicate(initial_state(variables, transform, ema=False), devices)
        seen.append([])
        for _ in range(2):
            state, figures = step(state, KEY, records, places, places)
            seen[-1].append(float(on.first(figures)["loss"]))
    assert seen[0] == seen[1]
    assert seen[0][0] != seen[0][1]
    state = on.replicate(initial_state(variables, transform, ema=False), devices)
    other = jax.random.key_data(jax.random.key(8))[None]
    assert float(on.first(step(state, other, records, places, places)[1])["loss"]) not in seen[0]


def test_steps_sent_together_are_the_same_steps(arrays, variables, taken):
    """Three of the four places are taken at first, then one: the states are those of four steps one by one."""
    devices, transform = jax.devices()[:1], optax.sgd(0.1)
    steps = step_of(devices, transform, 0.3, parallel_steps)
    state = on.replicate(initial_state(variables, transform, ema=True), devices)
    records, places = on.replicate(arrays, devices), on.split(np.arange(BATCH)[None], devices)
    indices = on.split(np.tile(np.arange(BATCH), (1, 4, 1)), devices)
    states, values = taken
    for count, first, last in ((3, 0, 3), (1, 3, 4)):
        state, figures = steps(state, KEY, records, indices, places, count)
        np.testing.assert_allclose(on.first(figures)["loss"][:count], values[first:last], rtol=1e-6)
        for found, expected in zip(jax.tree.leaves(on.first(state)), jax.tree.leaves(states[last]), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
