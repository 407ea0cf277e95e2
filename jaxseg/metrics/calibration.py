"""How far probabilities are from frequencies: the expected calibration error, in its two readings.

ECE = sum over bins b of n_b / n |right_b - claimed_b|, with ``BINS`` bins of equal width that are closed at the right
(Guo et al. 2017, arXiv 1706.04599). What is claimed and what is right has two readings, which are other numbers:

* of the positive class: the probability of the foreground, and how often it is foreground (torchmetrics' binary one);
* of the predicted class: the larger of p and 1 - p, and how often the class with p > 0.5 is right (Guo's).

Most pixels of an image are background that nobody mistakes, and flatter both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64

BINS = 15
_EDGES = np.linspace(0, 1, BINS + 1, dtype=np.float32)  # of the scores' own type: 0.2 lies at the edge 3 / 15


class Reliability(NamedTuple):
    """Pixels by what was claimed of them.

    Attributes:
        number: of pixels in each bin.
        claimed: the sum of their probabilities.
        right: how many of them are what was claimed.
    """

    number: Int64[np.ndarray, " bins"]
    claimed: Float64[np.ndarray, " bins"]
    right: Float64[np.ndarray, " bins"]

    def error(self) -> float | None:
        """Return the expected calibration error, None where there is no pixel."""
        total = int(self.number.sum())
        return float(np.abs(self.right - self.claimed).sum() / total) if total else None


def of_positive_class(positives: Float32[np.ndarray, " P"], negatives: Float32[np.ndarray, " N"]) -> Reliability:
    """Return the probabilities of the foreground beside how often it is there; arguments as of ``curves.auc``."""
    return _binned(np.concatenate([positives, negatives]), positives.size)


def of_predicted_class(positives: Float32[np.ndarray, " P"], negatives: Float32[np.ndarray, " N"]) -> Reliability:
    """Return the probabilities of the more probable class beside how often it is right; a tie is background."""
    ours, theirs = positives > 0.5, negatives > 0.5
    right = np.concatenate([positives[ours], 1 - negatives[~theirs]])
    wrong = np.concatenate([1 - positives[~ours], negatives[theirs]])
    return _binned(np.concatenate([right, wrong]), right.size)


def _binned(claimed: np.ndarray, right: int) -> Reliability:
    """Return the bins of what is claimed of pixels, of which the first ``right`` ones are so."""
    bins = np.searchsorted(_EDGES[1:-1], claimed, side="left")
    return Reliability(
        np.bincount(bins, minlength=BINS),
        np.bincount(bins, weights=claimed, minlength=BINS),
        np.bincount(bins[:right], minlength=BINS).astype(float),
    )
