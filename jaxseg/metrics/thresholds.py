"""A threshold chosen by a rule from the images of val, whose scores at it then flatter: other images judge it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from jaxseg.metrics.counts import Counts
from jaxseg.metrics.scores import scores

FIXED = "fixed"  # the threshold is eval.threshold
CANDIDATES = np.arange(1, 100, dtype=np.float32) / 100


class Rule(NamedTuple):
    """What a chosen threshold makes largest.

    Attributes:
        metric: whose mean over images, of the full image. It is defined at every threshold or at none, so that the
            means at two thresholds are over the same images.
        says: the rule in words.
    """

    metric: str
    says: str


RULES: dict[str, Rule] = {
    "dice": Rule("dice", "largest mean Dice on val"),
    "jaccard": Rule("jaccard", "largest mean Jaccard on val"),
    "youden": Rule("balanced_accuracy", "largest mean of recall + TNR - 1, Youden's, on val"),
}


class ThresholdSearch:
    """Collects images one by one, and finds the best of the 99 thresholds 0.01, 0.02 ... 0.99 for a rule.

    What joins fragments after the threshold is left out.
    """

    def __init__(self, rule: str):
        self._rule = rule
        self._scores: list[list[float]] = []

    def add(self, probability: Float32[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]) -> None:
        """Take the probabilities of one image and its foreground."""
        high, low = np.sort(probability[truth]), np.sort(probability[~truth])
        below = [np.searchsorted(pixels, CANDIDATES, side="right").tolist() for pixels in (high, low)]
        metric = RULES[self._rule].metric
        found = [
            scores(Counts(tp=high.size - fn, fp=low.size - tn, fn=fn, tn=tn))[metric]
            for fn, tn in zip(*below, strict=True)
        ]
        self._scores.append([value for value in found if value is not None])

    def best(self) -> float:
        """Return the threshold with the largest mean; of several, the one nearest to 0.5.

        Raises:
            ValueError: the metric is undefined for every image.
        """
        defined = [image for image in self._scores if image]
        if not defined:
            raise ValueError(f"eval.threshold_rule {self._rule!r} is undefined for every image of val; want 'fixed'")
        means = np.mean(defined, axis=0)
        best = np.flatnonzero(means >= means.max() - 1e-12)  # equal but for rounding
        return round(float(CANDIDATES[best[np.abs(CANDIDATES[best] - 0.5).argmin()]]), 2)
