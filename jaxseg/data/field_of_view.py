"""The field of view of a fundus photograph whose owners publish none: the lit opening of the camera, checked."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from jaxseg.data.images import Mask, Picture

_RIM = 3  # pixels: a point this close to an edge that cuts the disc says nothing about the disc
_AS_ROUND = 0.005  # overlaps that differ by less are of equally round regions; noise that clings to one costs more


@dataclasses.dataclass(frozen=True)
class Opening:
    """How the opening of a camera shows on its photographs; by default a whole disc on black.

    Attributes:
        dark: grey levels, rising, one of which no channel exceeds outside. Of those with the roundest region, the first
            is taken.
        part: smallest and largest fraction of the frame that the opening takes.
        round: least overlap (intersection over union) of the lit region with a disc that is cut by the frame.
        straight: whether the disc may also be cut inside the frame, by straight edges at its top, bottom and sides.
    """

    dark: tuple[int, ...] = (20,)
    part: tuple[float, float] = (0.4, 0.9)
    round: float = 0.97
    straight: bool = False


@dataclasses.dataclass(frozen=True)
class _Found:
    fov: Mask
    part: float
    overlap: float


def field_of_view(image: Picture, path: Path | str, opening: Opening | None = None) -> Mask:
    """Return the field of view of a fundus photograph on a dark ground, {0, 1} [height, width].

    The convex hull of the largest connected region that is brighter than the ground in any channel.

    Args:
        image: the photograph.
        path: its file, for the error.
        opening: how the opening of its camera shows; None for ``Opening()``.

    Raises:
        ValueError: the region is no plausible opening: too small or large a part of the frame, or no disc.
    """
    opening = opening or Opening()
    brightest = image.max(axis=-1)
    found = [region for dark in opening.dark if (region := _lit(brightest, dark, opening)) is not None]
    if not found:
        raise ValueError(f"{path}: black all over, so it shows no field of view; copy or download it again")
    fitting = [region for region in found if opening.part[0] <= region.part <= opening.part[1]]
    roundest = max(fitting or found, key=lambda region: region.overlap)
    if not fitting or roundest.overlap < opening.round:
        raise ValueError(
            f"{path}: its lit region covers {roundest.part:.0%} of the frame and overlaps a disc by "
            f"{roundest.overlap:.2f}; a field of view covers {opening.part[0]:.0%} to {opening.part[1]:.0%} and "
            f"overlaps by {opening.round} or more. Is this a whole photograph on black? Otherwise use "
            "--config.data.name=folder with masks in fov/"
        )
    return next(region for region in fitting if region.overlap > roundest.overlap - _AS_ROUND).fov


def _lit(brightest: Mask, dark: int, opening: Opening) -> _Found | None:
    """Return the hull of the largest region above a grey level; None where there is no such region."""
    import cv2

    lit = (brightest > dark).astype(np.uint8)
    count, regions, figures, _ = cv2.connectedComponentsWithStats(lit, connectivity=4)
    if count == 1:
        return None
    largest = (regions == 1 + figures[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    # A disc is convex, even where straight edges cut it: the hull fills holes, and gaps at a dark rim.
    fov = cv2.fillConvexPoly(np.zeros_like(largest), cv2.convexHull(cv2.findNonZero(largest)), 1)
    return _Found(fov, float(fov.mean()), _overlap(largest, _disc(fov, opening.straight)))


def _disc(fov: Mask, straight: bool) -> Mask:
    """Return the disc through the rim of a region, cut by the frame or, where ``straight``, by the region's bounds."""
    import cv2

    left, top, width, height = cv2.boundingRect(fov) if straight else (0, 0, fov.shape[1], fov.shape[0])
    right, bottom = left + width - 1, top + height - 1
    contours, _ = cv2.findContours(fov, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    x, y = max(contours, key=len)[:, 0].T
    free = (np.minimum(x - left, right - x) > _RIM) & (np.minimum(y - top, bottom - y) > _RIM)
    # x^2 + y^2 = 2 a x + 2 b y + c with the centre (a, b), least squares
    x, y = x[free].astype(np.float64), y[free].astype(np.float64)
    a, b, c = np.linalg.lstsq(np.stack([2 * x, 2 * y, np.ones_like(x)], axis=1), x**2 + y**2, rcond=None)[0]
    rows, columns = np.ogrid[: fov.shape[0], : fov.shape[1]]
    within = (rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right)
    return (((rows - b) ** 2 + (columns - a) ** 2 <= c + a**2 + b**2) & within).astype(np.uint8)


def _overlap(one: Mask, other: Mask) -> float:
    """Return the intersection over union."""
    return float((one & other).sum() / (one | other).sum())
