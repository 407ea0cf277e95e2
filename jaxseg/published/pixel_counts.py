"""Images on which published rows are scored: how many pixels of each are foreground, in every region.

The counts are those of mlscorecheck (Fazekas and Kovács), which publishes them so that rows can be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer

from jaxseg.checks import one_of
from jaxseg.published.checker import load
from jaxseg.published.row import FOV, FULL


class PixelCounts(NamedTuple):
    """The test images of a data set.

    Attributes:
        images: which they are, in words.
        counts: of each region that may be scored the foreground and background pixels of each image, int [images, 2];
            None where they are not known.
    """

    images: str
    counts: Mapping[str, Integer[np.ndarray, "images 2"] | None]

    @property
    def counted(self) -> bool:
        """The counts of every region are known."""
        return all(counts is not None for counts in self.counts.values())

    def share(self, region: str) -> float | None:
        """Return the share of foreground among the pixels of all images, None where it is not known."""
        counts = self.counts[region]
        return None if counts is None else float(counts[:, 0].sum() / counts.sum())


def pixel_counts(name: str) -> PixelCounts:
    """Return the images of a data set: ``drive`` or ``isic2017``.

    Raises:
        ValueError: no such set is known, or its counts need mlscorecheck, which is not installed.
    """
    one_of("the data set", name, COUNTED)
    return COUNTED[name]()


def _counts(images: list[dict[str, Any]]) -> Integer[np.ndarray, "images 2"]:
    ordered = sorted(images, key=lambda image: image["identifier"])
    return np.array([(image["p"], image["n"]) for image in ordered])


def _drive() -> PixelCounts:
    found = load("experiments").get_experiment("retina.drive")  # by observer and region
    counts = {region: _counts(found[1, key]["test"]["images"]) for region, key in ((FULL, "all"), (FOV, "fov"))}
    return PixelCounts("20 test images, observer 1", counts)


def _isic2017() -> PixelCounts:
    """Return what is known without the masks: there is no field of view."""
    return PixelCounts("600 test images", {FULL: None})


COUNTED: dict[str, Callable[[], PixelCounts]] = {"drive": _drive, "isic2017": _isic2017}
