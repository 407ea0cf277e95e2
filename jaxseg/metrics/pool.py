"""The probabilities of all images' pixels, for metrics of the pooled pixels that counts do not hold."""

from __future__ import annotations

import numpy as np

from jaxseg.metrics.evidence import Pixels


class Pool:
    """Keeps the probability of every pixel once, inside and outside of the field of view apart: full is their union.

    Args:
        limit: pixels kept at most; of more, none is.
    """

    def __init__(self, limit: int):
        self.overflowed = False
        self._limit = limit
        self._count = 0
        self._parts: dict[str, list[Pixels]] = {"fov": [], "rest": []}

    def add(
        self, probability: np.ndarray, truth: np.ndarray, fov: np.ndarray | None, known: np.ndarray | None
    ) -> dict[str, Pixels]:
        """Keep the pixels of an image, and return them by region."""
        if fov is None:
            parts = {"rest": _split(probability, truth, known)}
            regions = {"full": parts["rest"]}
        else:
            places = {"fov": fov, "rest": ~fov}
            parts = {
                part: _split(probability, truth, at if known is None else at & known) for part, at in places.items()
            }
            joined = (np.concatenate(pair) for pair in zip(*parts.values(), strict=True))
            regions = {"full": tuple(joined), "fov": parts["fov"]}
        self._count += sum(values.size for part in parts.values() for values in part)
        self.overflowed = self._count > self._limit
        for name, pixels in parts.items():
            if self.overflowed:
                self._parts[name].clear()
            else:
                self._parts[name].append(pixels)
        return regions

    def pixels(self, region: str) -> Pixels | None:
        """Return the kept pixels of a region, None where there is none or they were too many."""
        parts = self._parts["fov"] + (self._parts["rest"] if region == "full" else [])
        if self.overflowed or not parts:
            return None
        positives, negatives = (np.concatenate(values) for values in zip(*parts, strict=True))
        return positives, negatives


def _split(probability: np.ndarray, truth: np.ndarray, valid: np.ndarray | None) -> Pixels:
    if valid is None:
        return probability[truth], probability[~truth]
    return probability[truth & valid], probability[~truth & valid]
