"""One training step: a pure function of the state and the batch, the same on one device and on many.

The step runs under ``jax.pmap`` with the axis ``DEVICES``; each device holds a copy of the state and takes its share of
the batch. Loss and gradient are those of the *global* batch, and BatchNorm's statistics are synchronised, so the number
of devices does not change what is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from jaxseg.data.stream import Arrays, Batch
from jaxseg.losses import Loss
from jaxseg.models import Network, training_pass
from jaxseg.training.packed import Packed

DEVICES = "devices"
DROPOUT = 2**32 - 1  # what the step's key is folded with for dropout; augmentation folds it with places in the batch


@struct.dataclass
class TrainState:
    """All that a step changes.

    Attributes:
        step: int32, how many steps have been taken.
        params: the network's parameters, float32, ``Packed``.
        batch_stats: BatchNorm's running means and variances, float32.
        opt_state: Optax's, of packed parameters.
        ema: moving average of ``params``, or None where none is kept.
    """

    step: Any
    params: Any
    batch_stats: Any
    opt_state: Any
    ema: Any


Sample = Callable[[Arrays, jax.Array, jax.Array], Batch]  # (records, step key, places in the global batch)
Metrics = dict[str, jax.Array]


def initial_state(variables: Mapping[str, Any], optimizer: optax.GradientTransformation, *, ema: bool) -> TrainState:
    """Return the state at step 0 from a network's variables."""
    params: Any = Packed.of(variables["params"])
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=variables.get("batch_stats", {}),
        opt_state=optimizer.init(params),
        ema=jax.tree.map(jnp.copy, params) if ema else None,
    )


def gradients(
    model: Network, loss: Loss, params: Any, batch_stats: Any, batch: Batch, key: jax.Array
) -> tuple[Any, Any, jax.Array]:
    """Return ``(gradients, new batch_stats, loss)`` of the global batch, on every device; the gradients are packed.

    The loss is that of the logits plus, for each auxiliary one that the network gives, its declared weight times the
    loss's ``auxiliary`` of it. ``key`` is that of dropout, the same on every device.
    """
    weights, besides = model.auxiliary_weights, loss.auxiliary

    def local_sums(params: Any) -> tuple[Any, Any]:
        variables = {"params": params, "batch_stats": batch_stats}
        logits, auxiliary, updates = training_pass(model, variables, batch.images, batch.sizes, key)
        sums = [besides.statistics(auxiliary[name], batch.labels, batch.valid) for name in weights]
        return [loss.statistics(logits, batch.labels, batch.valid), *sums], updates.get("batch_stats", {})

    def total(sums: Any) -> jax.Array:
        return sum((w * besides.value(s) for w, s in zip(weights.values(), sums[1:], strict=True)), loss.value(sums[0]))

    # The chain rule by hand: every device has the slope of the loss at the global sums, and pulls it back through the
    # sums that it contributed.
    sums, pull_back, new_stats = jax.vjp(local_sums, params, has_aux=True)
    value, slope = jax.value_and_grad(total)(jax.lax.psum(sums, DEVICES))
    (grads,) = pull_back(slope)
    return jax.lax.psum(Packed.of(grads), DEVICES), new_stats, value


def train_step(
    state: TrainState,
    key: jax.Array,
    arrays: Arrays,
    indices: jax.Array,
    places: jax.Array,
    *,
    model: Network,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    sample: Sample,
    ema_decay: float,
) -> tuple[TrainState, Metrics]:
    """Take one step on this device's share of the batch.

    Args:
        state: the state, the same on every device.
        key: uint32, ``jax.random.key_data`` of the run's key. It is data, so that runs of other seeds share a program.
        arrays: the records that ``indices`` point into: the whole training set, or this step's share of it.
        indices: int32 [share], which records this device takes.
        places: int32 [share], their places in the global batch; the draws of augmentation depend on these alone.
        model: the network, its batch shared over the axis ``DEVICES``.
        loss: from ``losses.build``.
        optimizer: from ``optimizer.build``.
        sample: augmentation and normalisation.
        ema_decay: of the moving average, per step (not per update, where steps accumulate); unused without
            ``state.ema``.

    Returns:
        The next state, and float32 scalars: ``loss`` (auxiliary losses included) and ``gradient_norm``.
    """
    drawn = jax.random.fold_in(jax.random.wrap_key_data(key), state.step)
    batch = sample(arrays.take(indices), drawn, places)
    dropout = jax.random.fold_in(drawn, DROPOUT)
    grads, batch_stats, value = gradients(model, loss, state.params.tree(), state.batch_stats, batch, dropout)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    ema = None
    if state.ema is not None:
        # The average is of little use while it still remembers the random start, so it warms up with the step.
        decay = jnp.minimum(ema_decay, (1 + state.step) / (10 + state.step))
        ema = optax.incremental_update(params, state.ema, 1 - decay)
    state = TrainState(state.step + 1, params, batch_stats, opt_state, ema)
    return state, {"loss": value, "gradient_norm": optax.tree.norm(grads)}


def parallel_step(devices: list[Any], **arguments: Any) -> Callable[..., tuple[TrainState, Metrics]]:
    """Return ``train_step`` for ``devices``: every argument and result carries a leading axis of devices."""

    def step(
        state: TrainState, key: jax.Array, arrays: Arrays, indices: jax.Array, places: jax.Array
    ) -> tuple[TrainState, Metrics]:
        return train_step(state, key, arrays, indices, places, **arguments)

    return jax.pmap(step, axis_name=DEVICES, devices=devices, donate_argnums=0)


def steps_at_once(devices: list[Any]) -> int:
    """Return how many steps are best sent together.

    A GPU is done with a step of a small network before the host has sent the next. A CPU's convolutions are slow inside
    a loop (jax-ml/jax#12868).
    """
    return 1 if devices[0].platform == "cpu" else 8


def parallel_steps(devices: list[Any], **arguments: Any) -> Callable[..., tuple[TrainState, Metrics]]:
    """Return the same for several steps that are sent to the devices at once: the host's work is shared among them.

    It takes ``indices`` [devices, most, share] and, last, ``count``: how many of these steps are taken, at most
    ``most``. The figures of step i stand at [:, i].
    """

    def steps(
        state: TrainState, key: jax.Array, arrays: Arrays, indices: jax.Array, places: jax.Array, count: jax.Array
    ) -> tuple[TrainState, Metrics]:
        def one(i: jax.Array, carried: tuple[TrainState, Metrics]) -> tuple[TrainState, Metrics]:
            state, figures = train_step(carried[0], key, arrays, indices[i], places, **arguments)
            return state, jax.tree.map(lambda row, figure: row.at[i].set(figure), carried[1], figures)

        figures = {name: jnp.zeros(indices.shape[0]) for name in ("loss", "gradient_norm")}
        return jax.lax.fori_loop(0, count, one, (state, figures))

    return jax.pmap(steps, axis_name=DEVICES, devices=devices, in_axes=(0, 0, 0, 0, 0, None), donate_argnums=0)
