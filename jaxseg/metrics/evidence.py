"""What a metric is computed of, for one image, region and class."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from jaxseg.metrics.counts import Counts
from jaxseg.metrics.surface import Distances, distances

Pixels = tuple[np.ndarray, np.ndarray]  # probabilities of the foreground pixels, and those of the background pixels
Masks = tuple[np.ndarray, np.ndarray]  # prediction and truth, bool [h, w]


class Evidence:
    """Counts, probabilities, masks and distances; the last two are made where a metric asks for them.

    Args:
        counts: see ``Counts``.
        pixels: None where the prediction is no probability, or the pixels were not kept.
        masks: None for pixels of several images together.
        valid: the pixels of the region, None for all; elsewhere both masks are taken to be empty.
    """

    def __init__(
        self,
        counts: Counts,
        pixels: Pixels | None = None,
        masks: Masks | None = None,
        valid: np.ndarray | None = None,
    ):
        self.counts, self.pixels = counts, pixels
        self._masks, self._valid = masks, valid

    @cached_property
    def masks(self) -> Masks | None:
        """Prediction and truth within the region."""
        if self._masks is None or self._valid is None:
            return self._masks
        prediction, truth = self._masks
        return prediction & self._valid, truth & self._valid

    @cached_property
    def distances(self) -> Distances | None:
        """Distances between the boundaries of both masks, None where one is empty."""
        return distances(*self.masks) if self.masks else None
