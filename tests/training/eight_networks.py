"""Run by test_devices.py in a process that sees eight CPU devices: networks that draw or average over the batch.

A step on one device against one on eight, as JSON on stdout.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np
from eight_devices import BATCH, KEY, arrays, filled, kept, largest, step_of
from small import smallest

from jaxseg.training import devices as on
from jaxseg.training.step import DEVICES

CASES = {  # name of a network: its options, the name of its loss
    "dacn": ({"means": "batch"}, "dacn"),
    "nonlocal_unet": ({}, "cross_entropy"),
}


def one_step(name, devices, records):
    """Return gradients, statistics and loss of a step."""
    options, loss = CASES[name]
    plain, transform = smallest(name, **options), kept()
    variables = filled(
        jax.eval_shape(lambda: plain.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False)),
        np.random.default_rng(1),
    )
    step, state = step_of(devices, smallest(name, **options, axis_name=DEVICES), variables, transform, loss)
    places = on.split(np.arange(BATCH).reshape(len(devices), -1), devices)
    state, figures = step(state, on.replicate(KEY, devices), on.replicate(records, devices), places, places)
    state = on.first(state)
    return state.opt_state, state.batch_stats, float(on.first(figures)["loss"])


def main():
    records, outcome = arrays(np.random.default_rng(0)), {"devices": jax.device_count()}
    for name in CASES:
        one, eight = (one_step(name, jax.devices()[:count], records) for count in (1, 8))
        outcome[name] = {
            "gradients": largest(one[0], eight[0]),
            "gradient_top": max(float(np.abs(x).max()) for x in jax.tree.leaves(one[0])),
            "statistics": largest(one[1], eight[1]),
            "losses": [one[2], eight[2]],
        }
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
