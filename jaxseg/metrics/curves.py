"""The area under the ROC curve, exact: found by sorting, not from bins or a list of thresholds.

AUC is the probability that a random foreground pixel scores higher than a random background pixel, a tie counting one
half: the U statistic of Mann and Whitney divided by the number of pairs. With both classes sorted, 2 U is a sum of
integers.
"""

from __future__ import annotations

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
    high, low = np.sort(positives), np.sort(negatives)
    if np.isnan(high[-1]) or np.isnan(low[-1]):  # a sort puts NaN last
        raise ValueError("probabilities hold NaN, which has no rank: the model's output is broken.")
    twice_u = 0  # exact in Python's integers: 2 U <= 2 P N
    for start in range(0, high.size, _CHUNK):
        chunk = high[start : start + _CHUNK]
        below = np.searchsorted(low, chunk, side="left")
        below_or_equal = np.searchsorted(low, chunk, side="right")
        twice_u += int(below.sum()) + int(below_or_equal.sum())
    return twice_u / (2 * high.size * low.size)
