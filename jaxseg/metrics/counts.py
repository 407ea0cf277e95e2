"""How many pixels fell where: the four integer counts from which every thresholded score follows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped


class Counts(NamedTuple):
    """Numbers of pixels, exact; ``a + b`` pools two regions or images."""

    tp: int
    fp: int
    fn: int
    tn: int

    def __add__(self, other: Counts) -> Counts:  # type: ignore[override]  # pooling, not a tuple's concatenation
        """Return the counts of the union of two disjoint sets of pixels."""
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def total(self) -> int:
        """Number of pixels counted."""
        return sum(self)


def count(
    prediction: Bool[np.ndarray, "*pixels"],
    truth: Bool[np.ndarray, "*pixels"],
    valid: Bool[np.ndarray, "*pixels"] | None = None,
) -> Counts:
    """Compare a binary prediction with the truth over the ``valid`` pixels (all of them where it is None)."""
    code = 2 * truth.astype(np.uint8) + prediction
    tn, fp, fn, tp = np.bincount(code.ravel() if valid is None else code[valid], minlength=4).tolist()
    return Counts(tp=tp, fp=fp, fn=fn, tn=tn)


def threshold(probability: Float[np.ndarray, "*pixels"], at: float = 0.5) -> Bool[np.ndarray, "*pixels"]:
    """Call a pixel foreground where its probability exceeds ``at``.

    Strictly: at 0.5 this is the argmax of a two-class softmax, whose ties go to the background (class 0).
    """
    return probability > at


def binary(mask: Shaped[np.ndarray, "*pixels"], name: str = "mask") -> Bool[np.ndarray, "*pixels"]:
    """Return a {0, 1} or boolean array as booleans; refuse any other value instead of rescaling in silence.

    Raises:
        ValueError: the array, called ``name``, holds something else than 0 and 1.
    """
    if mask.dtype == np.bool_:
        return mask
    if not ((mask == 0) | (mask == 1)).all():
        values = np.unique(mask)
        raise ValueError(f"{name} holds {values.size} values from {values[0]} to {values[-1]}; want only 0 and 1.")
    return mask == 1
