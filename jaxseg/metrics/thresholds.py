"""A threshold chosen by a rule from the images of val, whose scores at it then flatter: other images judge it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from jaxseg.metrics.counts import Counts, confusion, decide
from jaxseg.metrics.scores import scores
from jaxseg.metrics.walk import OFF, Walk

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

    Args:
        rule: a key of ``RULES``.
        reconnect: joins fragments after each of the thresholds, which takes its time 99 times an image.
    """

    def __init__(self, rule: str, reconnect: Walk = OFF):
        self._rule = rule
        self._reconnect = reconnect
        self._scores: list[list[float]] = []

    def add(self, probability: Float32[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]) -> None:
        """Take the probabilities of one image and its foreground."""
        metric, counted = RULES[self._rule].metric, _counts if self._reconnect == OFF else self._reconnected
        found = [scores(counts)[metric] for counts in counted(probability, truth)]
        self._scores.append([value for value in found if value is not None])

    def _reconnected(self, probability: np.ndarray, truth: np.ndarray) -> list[Counts]:
        masks = (decide(probability, at, self._reconnect) for at in CANDIDATES.tolist())
        return [Counts.of(confusion(mask, truth.astype(np.uint8), 2), 1) for mask in masks]

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


def _counts(probability: np.ndarray, truth: np.ndarray) -> list[Counts]:
    """Return the counts at each of the candidates, by two sorts."""
    high, low = np.sort(probability[truth]), np.sort(probability[~truth])
    below = [np.searchsorted(pixels, CANDIDATES, side="right").tolist() for pixels in (high, low)]
    return [Counts(tp=high.size - fn, fp=low.size - tn, fn=fn, tn=tn) for fn, tn in zip(*below, strict=True)]
