"""From probabilities to classes, and from these and the truth to a confusion matrix, which every score follows from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, Shaped, UInt8

from jaxseg import checks
from jaxseg.metrics.walk import OFF, Walk


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

    @classmethod
    def of(cls, matrix: Int64[np.ndarray, "classes classes"], index: int) -> Counts:
        """Return the counts of one class against the rest, from a confusion matrix as ``confusion`` gives it."""
        tp, real, found = int(matrix[index, index]), int(matrix[index].sum()), int(matrix[:, index].sum())
        return cls(tp=tp, fp=found - tp, fn=real - tp, tn=int(matrix.sum()) - found - real + tp)

    @property
    def total(self) -> int:
        """Number of pixels counted."""
        return sum(self)


def confusion(
    prediction: UInt8[np.ndarray, "*pixels"],
    truth: UInt8[np.ndarray, "*pixels"],
    num_classes: int,
    valid: Bool[np.ndarray, "*pixels"] | None = None,
) -> Int64[np.ndarray, "classes classes"]:
    """Return how many pixels have each pair of classes: the true one by row, the predicted one by column.

    Args:
        prediction: the predicted class of every pixel.
        truth: the real one; below ``num_classes`` where valid.
        num_classes: the background included.
        valid: which pixels count; None: all.
    """
    if valid is not None:
        prediction, truth = prediction[valid], truth[valid]
    pairs = truth.astype(np.uint16) * num_classes + prediction
    return np.bincount(pairs.ravel(), minlength=num_classes**2).reshape(num_classes, num_classes)


def decide(
    probability: Float[np.ndarray, "height width *classes"],
    at: float | Sequence[float] = 0.5,
    reconnect: Walk = OFF,
) -> UInt8[np.ndarray, "height width"]:
    """Return the predicted class of every pixel, 0 for the background.

    Args:
        probability: of the foreground [h, w], or of every class [h, w, 1 + n].
        at: of the foreground, the threshold: class 1 is where the probability is greater, not equal. At 0.5 this is the
            argmax of a two-class softmax, whose ties go to the background. Of n classes, () for the most probable
            class, or n thresholds: then the most probable among the classes that exceed theirs, else the background.
        reconnect: joins the fragments of one foreground; as it comes it does nothing.

    Raises:
        ValueError: ``reconnect`` is to join several classes.
    """
    if probability.ndim == 2:
        return reconnect(probability, (probability > at).astype(np.uint8))
    reconnect.check([f"class {k}" for k in range(1, probability.shape[-1])])
    if np.size(at) == 0:
        return probability.argmax(-1).astype(np.uint8)
    own = probability[..., 1:]
    above = np.where(own > np.asarray(at, probability.dtype), own, 0)
    return np.where(above.any(-1), 1 + above.argmax(-1), 0).astype(np.uint8)


def check_threshold(name: str, at: Any, classes: Sequence[str] = ()) -> None:
    """Raise ValueError, calling it ``name``, unless ``decide`` takes ``at`` for classes, () for one foreground."""
    numbers = at if isinstance(at, tuple) else (at,)
    fits = isinstance(at, tuple) and len(at) in (0, len(classes)) if classes else not isinstance(at, tuple)
    wanted = "one number, 0 to 1"
    if classes:
        wanted = f"a tuple of numbers 0 to 1 for {', '.join(classes)}, in this order, or () for the most probable class"
    checks.require(fits and all(isinstance(n, int | float) and 0 <= n <= 1 for n in numbers), name, at, wanted)


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
