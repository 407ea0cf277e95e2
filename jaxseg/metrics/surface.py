"""How far the boundaries of two masks are apart, in pixels of the image that is scored.

A boundary is the pixels of a mask that erosion by a cross takes away (MONAI's ``get_mask_edges``): those with one of
their four neighbours outside, the image's border being outside. Each has its Euclidean distance to the nearest
boundary pixel of the other mask. Pixels count, not lengths of contours, so the numbers are MONAI's, not those of
DeepMind's ``surface-distance``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

_QUANTILE = 0.95


class Distances(NamedTuple):
    """Distances between two boundaries, in pixels.

    Attributes:
        to_truth: of each boundary pixel of the prediction.
        to_prediction: of each boundary pixel of the truth.
    """

    to_truth: Float64[np.ndarray, " P"]
    to_prediction: Float64[np.ndarray, " T"]


def distances(
    prediction: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]
) -> Distances | None:
    """Return the distances between the boundaries of two masks, None where one is empty: there is none then."""
    from scipy.ndimage import distance_transform_edt

    if not (prediction.any() and truth.any()):
        return None
    box = _box(prediction | truth)  # outside of it there is neither, and a transform takes time for every pixel
    ours, theirs = _boundary(prediction[box]), _boundary(truth[box])
    to_truth, to_prediction = (np.asarray(distance_transform_edt(~edge)) for edge in (theirs, ours))
    return Distances(to_truth[ours], to_prediction[theirs])


def hd95(found: Distances) -> float:
    """Return the larger of the two directed 95 % quantiles, linear between two distances (MONAI's definition).

    The quantile of both directions pooled (medpy), or weighted by lengths (``surface-distance``), is another number.
    """
    return max(float(np.quantile(directed, _QUANTILE)) for directed in found)


def assd(found: Distances) -> float:
    """Return the mean of all distances, both directions pooled: not the mean of their two means."""
    return float(np.concatenate(found).mean())


def surface_dice(found: Distances, tolerance: float) -> float:
    """Return the share of both boundaries' pixels that are ``tolerance`` pixels or less from the other boundary."""
    return float((np.concatenate(found) <= tolerance).mean())


def _boundary(mask: np.ndarray) -> np.ndarray:
    inside = np.pad(mask, 1)
    kept = mask & inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return mask & ~kept


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest rectangle that holds a mask's pixels."""
    sides = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return tuple(slice(int(at[0]), int(at[-1]) + 1) for at in sides)
