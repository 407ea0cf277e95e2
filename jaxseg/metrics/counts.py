"""Numbers of true and false positives and negatives: every score of a thresholded prediction follows from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped


class Counts(NamedTuple):
    """Numbers of pixels, exact; ``a + b`` pools two regions or images.

    Attributes:
        tp: foreground in prediction and truth.
        fp: foreground in the prediction alone.
        fn: foreground in the truth alone.
        tn: background in both.
    """

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
    """Count how a binary prediction compares with the truth over the ``valid`` pixels, or all pixels if it is None."""
    code = 2 * truth.astype(np.uint8) + prediction
    tn, fp, fn, tp = np.bincount(code.ravel() if valid is None else code[valid], minlength=4).tolist()
    return Counts(tp=tp, fp=fp, fn=fn, tn=tn)


def threshold(probability: Float[np.ndarray, "*pixels"], at: float = 0.5) -> Bool[np.ndarray, "*pixels"]:
    """Return which pixels are foreground: those whose probability is greater than ``at``, not equal to it.

    At 0.5 this is the argmax of a two-class softmax, whose ties go to the background (class 0).
    """
    return probability > at


def binary(mask: Shaped[np.ndarray, "*pixels"], name: str = "mask") -> Bool[np.ndarray, "*pixels"]:
    """Return a {0, 1} or boolean array as booleans; refuse any other value rather than rescale it unasked.

    Raises:
        ValueError: the array, called ``name``, holds a value other than 0 and 1.
    """
    if mask.dtype == np.bool_:
        return mask
    if not ((mask == 0) | (mask == 1)).all():
        values = np.unique(mask)
        raise ValueError(f"{name} holds {values.size} values from {values[0]} to {values[-1]}; want only 0 and 1.")
    return mask == 1
