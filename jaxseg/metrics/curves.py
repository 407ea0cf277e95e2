"""What the order of the pixels by their score is worth, exact: found by sorting, not from bins or thresholds.

AUC is the probability that a random foreground pixel scores higher than a random background pixel, a tie counting one
half: the U statistic of Mann and Whitney divided by the number of pairs. With both classes sorted, 2 U is a sum of
integers.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

_CHUNK = 1 << 20  # foreground pixels ranked at a time: bounds the int64 temporaries at 16 MiB


def auc(positives: Float32[np.ndarray, " P"], negatives: Float32[np.ndarray, " N"]) -> float | None:
    """Return the exact area under the ROC curve, or None where one of the classes has no pixel.

    Args:
        positives: the scores of the pixels that are foreground in the truth, in any order.
        negatives: the scores of those that are background.

    It sorts both arrays once, in memory for one copy of the scores; 10^8 pixels take seconds.

    Raises:
        ValueError: a score is NaN, which has no rank.
    """
    if positives.size == 0 or negatives.size == 0:
        return None
    high, low = _sorted(positives), _sorted(negatives)
    twice_u = 0  # exact in Python's integers: 2 U <= 2 P N
    for start in range(0, high.size, _CHUNK):
        chunk = high[start : start + _CHUNK]
        below = np.searchsorted(low, chunk, side="left")
        below_or_equal = np.searchsorted(low, chunk, side="right")
        twice_u += int(below.sum()) + int(below_or_equal.sum())
    return twice_u / (2 * high.size * low.size)


def average_precision(positives: Float32[np.ndarray, " P"], negatives: Float32[np.ndarray, " N"]) -> float | None:
    """Return sum_n (R_n - R_(n-1)) P_n over the distinct scores, or None where there is no foreground pixel.

    R_n and P_n are recall and precision of the pixels that score n or more. This is scikit-learn's definition; the
    area under straight lines between the points is another number. Arguments and errors as of ``auc``.
    """
    if positives.size == 0:
        return None
    scores, here = np.unique(_sorted(positives), return_counts=True)  # recall grows at scores of the foreground alone
    found = np.cumsum(here[::-1])[::-1]
    wrong = negatives.size - np.searchsorted(_sorted(negatives), scores, side="left")
    return float((here * (found / (found + wrong))).sum() / positives.size)


def sensitivity_at(
    positives: Float32[np.ndarray, " P"], negatives: Float32[np.ndarray, " N"], specificity: float
) -> float | None:
    """Return the largest recall of a threshold whose TNR is ``specificity`` or more; None where a class has no pixel.

    A point of the ROC curve, not between two of them, as scikit-learn's with every threshold kept. Arguments and
    errors as of ``auc``.
    """
    if positives.size == 0 or negatives.size == 0:
        return None
    low, number = _sorted(negatives), negatives.size
    left = min(math.ceil(specificity * number), number)  # background pixels to leave out, or one off by rounding
    while left > 0 and (left - 1) / number >= specificity:
        left -= 1
    while left / number < specificity:
        left += 1
    found = np.count_nonzero(positives > low[left - 1]) if left else positives.size
    return found / positives.size


def _sorted(scores: np.ndarray) -> np.ndarray:
    found = np.sort(scores)
    if found.size and np.isnan(found[-1]):  # a sort puts NaN last
        raise ValueError("probabilities hold NaN, which has no rank: the model's output is broken.")
    return found
