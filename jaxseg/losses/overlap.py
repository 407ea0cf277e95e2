"""Losses of overlap. All follow from one soft confusion matrix: sum over pixels of p(predicted class) y(true class).

For two classes the value is that of the foreground; for more the mean over the foreground classes, each against the
rest, except for the generalised Dice and Matthews's coefficient, which take all classes together.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.losses.cross_entropy import CrossEntropy
from jaxseg.losses.loss import OVER, Combined, Loss, Sums, membership, over_images

Confusion = Float[Array, "*images predicted true"]
_LINEAR = 1e-6  # a power below 1 goes on as a straight line below this loss, where its slope would grow to infinity


@dataclasses.dataclass(frozen=True)
class Overlap(Loss):
    """A loss of the confusion matrix, ``of``.

    Attributes:
        smoothing: in pixels; where it is added, and what an empty truth then gives, each loss says for itself.
        over: "batch" takes the confusion matrix of the whole batch, "image" the mean of the losses of its images.
    """

    smoothing: float = 1e-5
    over: str = "batch"

    def __post_init__(self) -> None:
        checks.require(self.smoothing > 0, "smoothing", self.smoothing, "a number of pixels above 0")
        checks.one_of("over", self.over, OVER)

    def of(self, confusion: Confusion) -> Float[Array, "*images"]:
        """Return the loss of a confusion matrix."""
        raise NotImplementedError

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        confusion = jnp.einsum("bhwp,bhwt->bpt", *membership(logits, labels, valid), precision=lax.Precision.HIGHEST)
        return confusion.sum(0) if self.over == "batch" else over_images(self.of(confusion), valid)

    def value(self, sums: Sums) -> Array:
        return self.of(sums) if self.over == "batch" else super().value(sums)


@dataclasses.dataclass(frozen=True)
class Tversky(Overlap):
    """Tversky loss (Salehi et al. 2017): 1 - (TP + s) / (TP + alpha FP + beta FN + s).

    With no foreground in the truth it is near 1 unless nothing is predicted, and 0 then.

    Attributes:
        alpha: weight of false positives.
        beta: weight of false negatives: more than alpha finds more of a thin structure.
    """

    alpha: float = 0.3
    beta: float = 0.7

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta"):
            checks.require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")

    def each(self, confusion: Confusion) -> Float[Array, "*images foreground"]:
        """Return the loss of every foreground class."""
        tp, fp, fn, _ = (counts[..., 1:] for counts in _one_against_the_rest(confusion))
        wrong = self.alpha * fp + self.beta * fn
        return wrong / (tp + wrong + self.smoothing)  # no difference: a perfect class gives exactly 0

    def of(self, confusion: Confusion) -> Array:
        return self.each(confusion).mean(-1)


@dataclasses.dataclass(frozen=True)
class FocalTversky(Tversky):
    """Focal Tversky loss (Abraham and Khan 2019): the Tversky loss of each class to the power ``gamma``.

    With no foreground in the truth it is near 1 unless nothing is predicted, and 0 then. Below a Tversky loss of 1e-6
    it goes on as a straight line: a power below 1 has an infinite slope at 0.

    Attributes:
        gamma: the exponent. The authors' default is 3/4: they write 1 / gamma, with gamma 4/3.
    """

    gamma: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.require(self.gamma > 0, "gamma", self.gamma, "more than 0")

    def each(self, confusion: Confusion) -> Array:
        loss = super().each(confusion)
        return jnp.where(loss > _LINEAR, jnp.maximum(loss, _LINEAR) ** self.gamma, loss * _LINEAR ** (self.gamma - 1))


def dice(*, smoothing: float = 1e-5, over: str = "batch") -> Tversky:
    """Dice loss: 1 - (2 TP + s) / (2 TP + FP + FN + s), with TP + FP the sum of p and TP + FN the sum of y.

    The sums are those of the batch, or of each image. With no foreground in the truth it is near 1 unless nothing is
    predicted, and 0 then.
    """
    # Half the Dice fraction: TP + s/2 over TP + FP/2 + FN/2 + s/2.
    checks.require(smoothing > 0, "smoothing", smoothing, "a number of pixels above 0")
    return Tversky(smoothing / 2, over, alpha=0.5, beta=0.5)


def dice_ce(
    *, dice_weight: float = 1.0, cross_entropy_weight: float = 1.0, smoothing: float = 1e-5, over: str = "batch"
) -> Combined:
    """Dice loss plus cross entropy, each times a weight.

    Dice is that of the batch, or of each image; cross entropy is the mean over the pixels of the batch. With no
    foreground in the truth it is about 1 plus the cross entropy.
    """
    return Combined(
        {
            "dice": (dice_weight, dice(smoothing=smoothing, over=over)),
            "cross_entropy": (cross_entropy_weight, CrossEntropy()),
        }
    )


@dataclasses.dataclass(frozen=True)
class GeneralizedDice(Overlap):
    """Generalised Dice loss (Sudre et al. 2017): 1 - 2 sum_c w_c TP_c / sum_c w_c (2 TP_c + FP_c + FN_c).

    The sums run over all classes, background too; w_c = 1 / N_c^2, N_c the pixels of class c in the truth. A class that
    the truth lacks has the largest weight of the others, so that predicting it costs. With no foreground in the truth
    it is, for two classes, the foreground's mean probability. The smoothing is added to numerator and denominator in
    units of the largest weight.
    """

    def of(self, confusion: Confusion) -> Array:
        tp = jnp.diagonal(confusion, axis1=-2, axis2=-1)
        predicted, true = confusion.sum(-1), confusion.sum(-2)
        present = true > 0
        weight = jnp.where(present, 1 / jnp.where(present, true, 1) ** 2, 0)
        largest = weight.max(-1, keepdims=True)
        # Relative to the largest weight: the squares of large regions would leave float32's range.
        relative = jnp.where(present, weight / jnp.where(largest > 0, largest, 1), 1)
        wrong = (relative * (predicted + true - 2 * tp)).sum(-1)
        return wrong / ((relative * (predicted + true)).sum(-1) + self.smoothing)


@dataclasses.dataclass(frozen=True)
class Matthews(Overlap):
    """One minus Matthews's correlation coefficient (Abhishek and Hamarneh 2020); for more classes Gorodkin's R_K.

    R_K = sum_c (TP_c TN_c - FP_c FN_c) over the root of sum_c (TP_c + FP_c) (TN_c + FN_c) times
    sum_c (TP_c + FN_c) (TN_c + FP_c), with the sums over all classes; for two classes this is Matthews's
    (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)). It is undefined where the truth has one class
    alone; the smoothing, added to every entry of the confusion matrix, decides: the loss is then about 1, and 1/2
    where the prediction has that class alone too.
    """

    def of(self, confusion: Confusion) -> Array:
        counts = confusion + self.smoothing
        # As fractions of all pixels: the product of four counts would leave float32's range.
        tp, fp, fn, tn = _one_against_the_rest(counts / counts.sum((-2, -1), keepdims=True))
        agreement = (tp * tn - fp * fn).sum(-1)
        return 1 - agreement / jnp.sqrt(((tp + fp) * (tn + fn)).sum(-1)) / jnp.sqrt(((tp + fn) * (tn + fp)).sum(-1))


def _one_against_the_rest(confusion: Confusion) -> tuple[Array, Array, Array, Array]:
    """Return TP, FP, FN and TN of every class, as sums: a difference of large counts would lose small ones."""
    others = 1 - jnp.eye(confusion.shape[-1], dtype=confusion.dtype)
    elsewhere = (others[:, :, None] * others[:, None, :] * confusion[..., None, :, :]).sum((-2, -1))
    tp = jnp.diagonal(confusion, axis1=-2, axis2=-1)
    return tp, (confusion * others).sum(-1), (confusion * others).sum(-2), elsewhere
