"""Adam and its learning-rate schedules (paper, supplement 1), from Optax."""

from __future__ import annotations

import jax
import optax

SCHEDULES = ("constant", "cosine", "polynomial")
WEIGHT_DECAY_KINDS = ("decoupled", "l2")


def schedule(kind: str, learning_rate: float, *, updates: int, warmup: int = 0, power: float = 0.9) -> optax.Schedule:
    """Return the learning rate as a function of the update: a linear warm-up, then ``kind`` down to 0 at ``updates``.

    Args:
        kind: ``constant`` (the paper), ``cosine`` or ``polynomial``: (1 - t)^power.
        learning_rate: the rate after the warm-up.
        updates: optimiser updates in the run.
        warmup: updates from 0 to the full rate.
        power: of the polynomial.

    Raises:
        ValueError: an unknown kind, or a warm-up that leaves no update.
    """
    if not 0 <= warmup < updates:
        raise ValueError(f"optimizer.warmup_steps is {warmup}; want 0 to {updates - 1}, fewer than the run's updates")
    rest = updates - warmup
    match kind:
        case "constant":
            main = optax.constant_schedule(learning_rate)
        case "cosine":
            main = optax.cosine_decay_schedule(learning_rate, rest)
        case "polynomial":
            main = optax.polynomial_schedule(learning_rate, 0.0, power, rest)
        case _:
            raise ValueError(f"unknown optimizer.schedule {kind!r}; choose one of {', '.join(SCHEDULES)}")
    if not warmup:
        return main
    return optax.join_schedules([optax.linear_schedule(0.0, learning_rate, warmup), main], [warmup])


def adam(
    learning_rate: optax.Schedule,
    *,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    weight_decay_kind: str = "decoupled",
    accumulate: int = 1,
) -> optax.GradientTransformation:
    """Return Adam with weight decay on kernels, one update for every ``accumulate`` gradients (their mean).

    The paper's "Adam with weight decay 1e-8" does not say how the decay enters. ``decoupled`` shrinks the weights by
    ``learning_rate * weight_decay`` a step; ``l2`` adds ``weight_decay * w`` to the gradient, which under Adam is not
    small where the true gradient is zero. Biases, and BatchNorm's scale and shift, do not decay.

    Raises:
        ValueError: an unknown kind of weight decay.
    """
    match weight_decay_kind:
        case "decoupled":
            transform = optax.adamw(learning_rate, beta1, beta2, eps, weight_decay=weight_decay, mask=_kernels)
        case "l2":
            decay = optax.add_decayed_weights(weight_decay, mask=_kernels)
            transform = optax.chain(decay, optax.adam(learning_rate, beta1, beta2, eps))
        case _:
            kinds = ", ".join(WEIGHT_DECAY_KINDS)
            raise ValueError(f"unknown optimizer.weight_decay_kind {weight_decay_kind!r}; choose one of {kinds}")
    if accumulate > 1:
        return optax.MultiSteps(transform, accumulate).gradient_transformation()
    return transform


def _kernels(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda p: p.ndim > 1, params)
