"""One number that makes probabilities less or more certain, fitted on val: temperature scaling (Guo et al. 2017).

p' = sigmoid(logit(p) / T), which is softmax(z / T) of the logits z that p is the softmax of. T > 1 draws probabilities
to 0.5 and T < 1 away from it; their order, and what is above 0.5, stay. (arXiv 1706.04599, section 4.2)
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float32

from jaxseg.metrics.calibration import Reliability, of_positive_class, of_predicted_class

NONE, ON_VAL = "none", "val"  # what fits the temperature: eval.temperature
LARGEST = 20.0  # the temperature is sought from 1 / LARGEST to LARGEST
_LEAST, _MOST = -104.0, 17.0  # of log odds: beyond, float32 knows no probabilities but 0 and 1
_STEPS = 64  # bins in one unit of log odds


def tempered(probability: Float32[np.ndarray, "*pixels"], temperature: float) -> Float32[np.ndarray, "*pixels"]:
    """Return the probabilities of one foreground at a temperature; at 1 as they are.

    Log odds are cut as in the search: a probability that float32 rounds to 0 or 1 tells no more of them.
    """
    if temperature == 1:
        return probability
    from scipy.special import expit

    return expit(_log_odds(probability) / np.float32(temperature))


def _log_odds(probability: Float32[np.ndarray, "*pixels"]) -> Float32[np.ndarray, "*pixels"]:
    from scipy.special import logit

    return np.clip(logit(np.clip(probability, 0, 1)), _LEAST, _MOST)


class TemperatureSearch:
    """Collects images one by one, and finds the temperature of the smallest cross entropy over all their pixels.

    Pixels are kept as a histogram of their log odds, so that a set of any size takes a megabyte; each bin stands for
    the mean of its pixels.
    """

    def __init__(self):
        shape = 2, int((_MOST - _LEAST) * _STEPS) + 1  # of the background and of the foreground
        self._number, self._sum = np.zeros(shape), np.zeros(shape)

    def add(self, probability: Float32[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]) -> None:
        """Take the probabilities of one image and its foreground.

        Raises:
            ValueError: a probability is NaN.
        """
        if np.isnan(probability).any():
            raise ValueError("probabilities hold NaN")
        odds = _log_odds(probability).astype(np.float64)
        bins = np.rint((odds - _LEAST) * _STEPS).astype(int)
        for label in (0, 1):
            chosen = truth == label
            held = bins[chosen]
            self._number[label] += np.bincount(held, minlength=self._number.shape[1])
            self._sum[label] += np.bincount(held, weights=odds[chosen], minlength=self._number.shape[1])

    def best(self) -> float:
        """Return the temperature, with four digits after the point."""
        from scipy.optimize import minimize_scalar

        held = self._number > 0
        odds, number = self._sum[held] / self._number[held], self._number[held]
        wrong = np.where(np.nonzero(held)[0] == 1, -odds, odds)  # log odds of what a pixel is not

        def cross_entropy(log_temperature: float) -> float:
            return float(number @ np.logaddexp(0, wrong / math.exp(log_temperature)))

        bound = math.log(LARGEST)  # the cross entropy is convex in 1 / T, so that there is one minimum
        found = minimize_scalar(cross_entropy, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-6})
        return round(math.exp(found.x), 4)


class Calibration:
    """Collects images one by one: the calibration errors of all their pixels without and with a temperature."""

    def __init__(self):
        self._found: dict[tuple[str, str], Reliability] = {}

    def add(
        self,
        before: Float32[np.ndarray, "height width"],
        after: Float32[np.ndarray, "height width"],
        truth: Bool[np.ndarray, "height width"],
    ) -> None:
        """Take the probabilities of one image, without and with the temperature, and its foreground."""
        for when, probability in (("before", before), ("after", after)):
            pixels = probability[truth], probability[~truth]
            for metric, binned in (("ece_positive", of_positive_class), ("ece_predicted", of_predicted_class)):
                new, known = binned(*pixels), self._found.get((when, metric))
                self._found[when, metric] = new if known is None else Reliability(*map(np.add, known, new))

    def errors(self) -> dict[str, dict[str, float | None]]:
        """Return ``{"before": {"ece_positive": ..., "ece_predicted": ...}, "after": {the same}}``."""
        found: dict[str, dict[str, float | None]] = {}
        for (when, metric), reliability in self._found.items():
            found.setdefault(when, {})[metric] = reliability.error()
        return found
