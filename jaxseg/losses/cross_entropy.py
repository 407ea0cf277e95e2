"""Losses that are means over pixels of a function of the true class's probability."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from jaxseg import checks
from jaxseg.losses.loss import Loss, Sums, membership, over_pixels


@dataclasses.dataclass(frozen=True)
class CrossEntropy(Loss):
    """Softmax cross entropy (paper, supplement 1): the mean over the pixels of the batch of -ln p(true class).

    In nats. With no foreground in the truth it is the mean of -ln p(background).
    """

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        return over_pixels(_nats(logits, labels), valid)


@dataclasses.dataclass(frozen=True)
class BalancedCrossEntropy(Loss):
    """Cross entropy with a weight for each class, w(true class) (-ln p(true class)).

    With ``weights``: the weighted mean over the pixels of the batch. By default the weights are those of HED (Xie and
    Tu 2015, eq. 2), for each image and class the share of the image's pixels that are of other classes,
    w_c = 1 - N_c / N, and the value is the sum over all pixels of the batch divided by their number. An image of one
    class alone then has weight 0: without foreground it gives neither loss nor gradient.

    Attributes:
        weights: one number per class, background first; () for HED's.
    """

    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _weights("weights", self.weights))

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        nats = _nats(logits, labels)
        if self.weights:
            weight = jnp.where(valid, _of_class(self.weights, "weights", logits)[labels], 0)
            return {"total": (weight * nats).sum(), "count": weight.sum()}
        return over_pixels(_others(logits, labels, valid) * nats, valid)


@dataclasses.dataclass(frozen=True)
class ImprovedCrossEntropy(Loss):
    """Cross entropy without the pixels that are right by a margin, p(true class) > 1 - margin (Hu et al. 2018).

    For two classes these are y = 1 with p > 1 - margin and y = 0 with p < margin. They give neither loss nor gradient,
    but count among the pixels: the value is a sum over the others of w (-ln p(true class)), divided by the number of
    all pixels of the batch, so that it falls as more of them are right. Without foreground in the truth it is 0 where
    it is balanced, and otherwise that sum over the background.

    Only the idea could be read. Guesses are the margin, whether the weights are HED's, and what the sum is divided by.

    Attributes:
        margin: 0 leaves no pixel out; a pixel whose probability is the limit itself is not left out.
        balanced: w is the share of the image's pixels that are of other classes, as in ``BalancedCrossEntropy``;
            otherwise it is 1.
    """

    margin: float = 0.1
    balanced: bool = True

    def __post_init__(self) -> None:
        checks.require(0 <= self.margin < 1, "margin", self.margin, "a number from 0 to below 1")
        checks.require(isinstance(self.balanced, bool), "balanced", self.balanced, "true or false")

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        nats = _nats(logits, labels)
        hard = -jnp.expm1(-nats) >= self.margin  # 1 - p of the true class, exact where p is near 1
        weight = _others(logits, labels, valid) if self.balanced else 1
        return over_pixels(jnp.where(hard, weight * nats, 0), valid)


@dataclasses.dataclass(frozen=True)
class Focal(Loss):
    """Focal loss (Lin et al. 2017, eq. 5): the mean over the pixels of the batch of a_t (1 - p_t)^gamma (-ln p_t).

    p_t is the probability of the true class. With no foreground in the truth it is that mean over the background.

    Attributes:
        gamma: how much less a pixel counts that is right already; 0 gives cross entropy.
        alpha: weights of the classes, a_t that of the true one: one number per class, background first, or a single
            number, the weight of every foreground class, that of the background being one minus it; () for 1.
    """

    gamma: float = 2.0
    alpha: float | tuple[float, ...] = ()

    def __post_init__(self) -> None:
        checks.require(self.gamma >= 0, "gamma", self.gamma, "0 or more")
        if isinstance(self.alpha, int | float):
            checks.require(0 <= self.alpha <= 1, "alpha", self.alpha, "a number from 0 to 1, or one per class")
        else:
            object.__setattr__(self, "alpha", _weights("alpha", self.alpha))

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        nats = _nats(logits, labels)
        # Bounded below: at 0, where a pixel is right to the last bit, a power below 1 has no derivative.
        wrong = jnp.maximum(-jnp.expm1(-nats), jnp.finfo(nats.dtype).tiny)
        focal = wrong**self.gamma * nats
        if self.alpha != ():
            alpha = self.alpha
            if isinstance(alpha, int | float):
                alpha = (1 - alpha, *[alpha] * (logits.shape[-1] - 1))
            focal = _of_class(alpha, "alpha", logits)[labels] * focal
        return over_pixels(focal, valid)


def _nats(
    logits: Float[Array, "batch height width classes"], labels: Int[Array, "batch height width"]
) -> Float[Array, "batch height width"]:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def _others(
    logits: Float[Array, "batch height width classes"],
    labels: Int[Array, "batch height width"],
    valid: Bool[Array, "batch height width"],
) -> Float[Array, "batch height width"]:
    """Return the share of each image's valid pixels that are of another class than this one; 0 where not valid."""
    _, truth = membership(logits, labels, valid)
    pixels = valid.sum((1, 2)).astype(truth.dtype)
    others = 1 - truth.sum((1, 2)) / jnp.maximum(pixels, 1)[:, None]
    return (truth * others[:, None, None]).sum(-1)


def _weights(name: str, given: Sequence[float]) -> tuple[float, ...]:
    numbers = tuple(given)
    fine = all(isinstance(number, int | float) and np.isfinite(number) and number >= 0 for number in numbers)
    wanted = "one number per class, 0 or more, not all 0"
    checks.require(fine and (not numbers or any(numbers)), name, given, wanted)
    return numbers


def _of_class(weights: Sequence[float], name: str, logits: Float[Array, "*pixels classes"]) -> Float[Array, " classes"]:
    classes = logits.shape[-1]
    checks.require(len(weights) == classes, name, tuple(weights), f"{classes} numbers, one per class, background first")
    return jnp.asarray(weights, logits.dtype)
