"""Run by test_devices.py in a process that sees eight CPU devices: one device against eight, as JSON on stdout."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
from small import Deep

from jaxseg import losses, models
from jaxseg.data import stream
from jaxseg.data.augment import Augment
from jaxseg.layers import Numerics
from jaxseg.training import devices as on
from jaxseg.training.packed import Packed
from jaxseg.training.step import DEVICES, initial_state, parallel_step

BATCH, STEPS, SIDE = 8, 3, 32
KEY = jax.random.key_data(jax.random.key(0))


def filled(shapes, rng):
    """Random values in place of an initialisation: cheap to make, and no gradient is blocked by a zero."""

    def draw(path, leaf):
        name = jax.tree_util.keystr(path)
        fan_in = int(np.prod(leaf.shape[:-1])) or 1
        value = rng.normal(size=leaf.shape) / np.sqrt(fan_in) if "kernel" in name else 0.1 * rng.normal(size=leaf.shape)
        return (np.abs(value) + 0.5 if "scale" in name or "var" in name else value).astype(np.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def arrays(rng):
    masks = (rng.random((12, SIDE, SIDE)) < 0.3).astype(np.uint8)
    images = (rng.integers(0, 120, (12, SIDE, SIDE, 3)) + 100 * masks[..., None]).astype(np.uint8)
    sizes = np.tile([[SIDE, SIDE]], (12, 1)).astype(np.int32)
    sizes[3] = 20, 27  # padding on one device and not on the others must not shift the mean
    inside = (np.arange(SIDE)[:, None] < sizes[:, :1, None]) & (np.arange(SIDE) < sizes[:, 1:, None])
    return stream.Arrays(
        images * inside[..., None].astype(np.uint8), masks * inside, np.ones_like(masks) * inside, sizes
    )


def sample(records, key, places):
    augment = Augment(flips=True, quarter_turns=True, brightness=0.1)
    return stream.sample(records, key, places, augment, (), (90.0,) * 3, (50.0,) * 3)


def kept():
    """Hand the gradient on, and keep it as the state: what the optimiser was really given."""
    return optax.GradientTransformation(optax.tree.zeros_like, lambda grads, _, params=None: (grads, grads))


def largest(a, b):
    """Largest difference, as a fraction of the largest entry of the tree."""
    top = max(float(np.abs(x).max()) for x in jax.tree.leaves(a))
    return max(float(np.abs(x - y).max()) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)) / top


def step_of(devices, model, variables, transform, loss="dice_ce"):
    step = parallel_step(
        devices, model=model, loss=losses.build(loss), optimizer=transform, sample=sample, ema_decay=0.0
    )
    return step, on.replicate(initial_state(variables, transform, ema=False), devices)


def with_dropout(devices, records):
    """Return gradient and loss of a step of a network with dropout and auxiliary logits."""
    model, transform = Deep(rate=0.5, numerics=Numerics(jnp.float32, DEVICES)), kept()
    variables = filled(jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 4, 4, 3))), np.random.default_rng(1))
    step, state = step_of(devices, model, variables, transform)
    places = on.split(np.arange(BATCH).reshape(len(devices), -1), devices)
    state, figures = step(state, on.replicate(KEY, devices), on.replicate(records, devices), places, places)
    return on.first(state.opt_state), float(on.first(figures)["loss"])


def main():
    rng = np.random.default_rng(0)
    data = arrays(rng)
    settings = dict(width=4, attention="ja9", attention_options={"width": 8}, levels=(0, 3))
    model = models.build("unet", **settings, axis_name=DEVICES)
    plain = models.build("unet", **settings)
    variables = filled(jax.eval_shape(plain.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3))), rng)
    transform = optax.chain(kept(), optax.sgd(0.05))
    outcome = {}
    for count in (1, 8):
        devices = jax.devices()[:count]

        def shared(per_sample, devices=devices):
            return on.split(per_sample.reshape(len(devices), -1), devices)

        records, places = on.replicate(data, devices), shared(np.arange(BATCH))
        run_key = on.replicate(KEY, devices)
        step, state = step_of(devices, model, variables, transform)
        states, losses = [], []
        for k in range(STEPS):
            state, figures = step(state, run_key, records, shared(stream.indices(0, k, BATCH, 12)), places)
            copies_equal = all(bool((p == p[:1]).all()) for p in jax.tree.leaves(jax.device_get(state.params)))
            states.append(on.first(state))
            losses.append(float(on.first(figures)["loss"]))
        key = jax.random.fold_in(jax.random.key(0), 0)
        batch = jax.pmap(lambda r, i, p, key=key: sample(r.take(i), key, p), devices=devices)(
            records, shared(stream.indices(0, 0, BATCH, 12)), places
        )
        outcome[count] = dict(
            batch=jax.tree.map(lambda a: np.asarray(a).reshape(BATCH, *a.shape[2:]), tuple(batch)),
            grads=states[0].opt_state[0],
            stats=states[0].batch_stats,
            loss=losses[0],
            params=states[-1].params,
            copies_equal=copies_equal,
            dropout=with_dropout(devices, data),
        )
    one_, eight = outcome[1], outcome[8]
    print(
        json.dumps(
            {
                "devices": jax.device_count(),
                "batches_equal": all((a == b).all() for a, b in zip(one_["batch"], eight["batch"], strict=True)),
                "gradients": largest(one_["grads"], eight["grads"]),
                "gradient_top": max(float(np.abs(x).max()) for x in jax.tree.leaves(one_["grads"])),
                "statistics": largest(one_["stats"], eight["stats"]),
                "losses": [one_["loss"], eight["loss"]],
                "parameters": largest(one_["params"], eight["params"]),
                "moved": largest(jax.device_get(Packed.of(variables["params"])), eight["params"]),
                "copies_equal": eight["copies_equal"],
                "dropout_gradients": largest(one_["dropout"][0], eight["dropout"][0]),
                "dropout_losses": [one_["dropout"][1], eight["dropout"][1]],
            }
        )
    )


if __name__ == "__main__":
    main()
