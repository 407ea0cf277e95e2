"""ROC, precision-recall and calibration curves of pooled pixels, as points."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float32

from jaxseg.metrics.calibration import of_positive_class
from jaxseg.metrics.curves import auc, average_precision

_POINTS = 500  # of each class at most: a million pixels have as many thresholds, and a picture a thousand columns


def curve_points(
    positives: Float32[np.ndarray, " P"], negatives: Float32[np.ndarray, " N"], at: float | None
) -> dict[str, Any] | None:
    """Return the curves as plain JSON, None where a class has no pixel.

    Every point is exact: a pixel is called foreground where its probability is the threshold or more. Of more than
    ``_POINTS`` probabilities of a class the thresholds are so many, at equal ranks. ``auc``, ``average_precision`` and
    ``ece_positive`` are of all pixels, not of the points.

    Args:
        positives: the probabilities of the pixels that are foreground in the truth.
        negatives: those of the background.
        at: the threshold in use, above which a pixel is foreground: ``used`` is its point. None: there is none.
    """
    if positives.size == 0 or negatives.size == 0:
        return None
    high, low = np.sort(positives), np.sort(negatives)
    thresholds = np.unique(np.concatenate([_ranks(high), _ranks(low)]))[::-1]
    found, wrong = (scores.size - np.searchsorted(scores, thresholds, side="left") for scores in (high, low))
    reliability = of_positive_class(high, low)
    filled = reliability.number > 0
    return {
        "num_pixels": high.size + low.size,
        "prevalence": high.size / (high.size + low.size),
        "auc": auc(high, low),
        "average_precision": average_precision(high, low),
        "ece_positive": reliability.error(),
        "threshold": thresholds.tolist(),
        "recall": (found / high.size).tolist(),
        "false_positive_rate": (wrong / low.size).tolist(),
        "precision": (found / (found + wrong)).tolist(),
        "used": None if at is None else _used(at, high, low),
        "calibration": {
            "probability": (reliability.claimed[filled] / reliability.number[filled]).tolist(),
            "frequency": (reliability.right[filled] / reliability.number[filled]).tolist(),
            "num_pixels": reliability.number[filled].tolist(),
        },
    }


def _ranks(scores: np.ndarray) -> np.ndarray:
    return scores[np.linspace(0, scores.size - 1, min(scores.size, _POINTS)).round().astype(int)]


def _used(at: float, high: np.ndarray, low: np.ndarray) -> dict[str, float | None]:
    found, wrong = (int(np.count_nonzero(scores > at)) for scores in (high, low))
    return {
        "recall": found / high.size,
        "false_positive_rate": wrong / low.size,
        "precision": found / (found + wrong) if found + wrong else None,  # nothing is found: no point
    }
