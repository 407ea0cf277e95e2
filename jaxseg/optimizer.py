"""The optimiser: Adam and its learning-rate schedules (paper, supplement 1), from Optax.

``build`` takes the settings ``config.optimizer`` as they are; everything that is asked of them is checked here.
"""

from __future__ import annotations

from typing import Any

import jax
import optax

from jaxseg import checks

SCHEDULES = ("constant", "cosine", "polynomial")
WEIGHT_DECAY_KINDS = ("decoupled", "l2")


def build(*, updates: int, accumulate: int, **settings: Any) -> tuple[optax.Schedule, optax.GradientTransformation]:
    """Return the learning rate by update, and the optimiser that follows it.

    Args:
        updates: optimiser updates in the run.
        accumulate: gradients that share an update.
        settings: those of ``config.optimizer``.

    Raises:
        ValueError: naming the setting, what it is, and what it may be.
    """
    rate = schedule(
        settings.pop("schedule"),
        settings.pop("learning_rate"),
        updates=updates,
        warmup=settings.pop("warmup_steps"),
        power=settings.pop("power"),
    )
    return rate, adam(rate, accumulate=accumulate, **settings)


def schedule(kind: str, learning_rate: float, *, updates: int, warmup: int = 0, power: float = 0.9) -> optax.Schedule:
    """Return the learning rate as a function of the update: a linear warm-up, then ``kind`` down to 0 at ``updates``.

    Args:
        kind: ``constant`` (the paper), ``cosine`` or ``polynomial``: (1 - t)^power.
        learning_rate: the rate after the warm-up.
        updates: optimiser updates in the run.
        warmup: updates from 0 to the full rate.
        power: of the polynomial.

    Raises:
        ValueError: an unknown kind, a warm-up that leaves no update, or a number out of its range.
    """
    checks.one_of("optimizer.schedule", kind, SCHEDULES)
    checks.require(learning_rate > 0, "optimizer.learning_rate", learning_rate, "above 0")
    wanted = f"0 to {updates - 1}, fewer than the run's updates"
    checks.require(0 <= warmup < updates, "optimizer.warmup_steps", warmup, wanted)
    checks.require(power >= 0, "optimizer.power", power, "0 or more")
    rest = updates - warmup
    match kind:
        case "constant":
            main = optax.constant_schedule(learning_rate)
        case "cosine":
            main = optax.cosine_decay_schedule(learning_rate, rest)
        case _:
            main = optax.polynomial_schedule(learning_rate, 0.0, power, rest)
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
    ``learning_rate * weight_decay`` per step; ``l2`` adds ``weight_decay * w`` to the gradient, which under Adam is not
    small where the true gradient is zero. Biases, and BatchNorm's scale and shift, do not decay.

    Raises:
        ValueError: an unknown kind of weight decay, or a number out of its range.
    """
    checks.one_of("optimizer.weight_decay_kind", weight_decay_kind, WEIGHT_DECAY_KINDS)
    for name, value in (("beta1", beta1), ("beta2", beta2)):
        checks.require(0 <= value < 1, f"optimizer.{name}", value, "0 to below 1")
    checks.require(eps > 0, "optimizer.eps", eps, "a number above 0: a gradient of zero is divided by it")
    checks.require(weight_decay >= 0, "optimizer.weight_decay", weight_decay, "0 or more")
    if weight_decay_kind == "decoupled":
        transform = optax.adamw(learning_rate, beta1, beta2, eps, weight_decay=weight_decay, mask=_kernels)
    else:
        decay = optax.add_decayed_weights(weight_decay, mask=_kernels)
        transform = optax.chain(decay, optax.adam(learning_rate, beta1, beta2, eps))
    if accumulate > 1:
        return optax.MultiSteps(transform, accumulate).gradient_transformation()
    return transform


def _kernels(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda p: p.ndim > 1, params)
