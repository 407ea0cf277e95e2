"""DACN's loss (Zhang et al. 2020): squared errors of the contour, and cross entropy of what it starts from."""

from __future__ import annotations

import dataclasses
import math

import jax.numpy as jnp
from jaxtyping import Array

from jaxseg import checks
from jaxseg.losses.cross_entropy import CrossEntropy
from jaxseg.losses.loss import Combined, Loss, Sums, membership


@dataclasses.dataclass(frozen=True)
class Contour(Loss):
    """The sum over the pixels of the batch, and over the foreground classes, of (p - y)^2.

    A sum and no mean: it grows with the image and with the batch, and so does its weight beside the auxiliary logits,
    which have cross entropy, a mean. With no foreground in the truth it is the sum of p^2.

    Attributes:
        start: weight of the cross entropy of auxiliary logits.
    """

    start: float = 0.01

    def __post_init__(self) -> None:
        checks.require(0 < self.start < math.inf, "start", self.start, "a number above 0")

    @property
    def auxiliary(self) -> Loss:
        """``start`` times cross entropy."""
        return Combined({"cross_entropy": (self.start, CrossEntropy())})

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        probability, truth = membership(logits, labels, valid)
        return {"total": jnp.square(probability - truth)[..., 1:].sum()}

    def value(self, sums: Sums) -> Array:
        return sums["total"]
