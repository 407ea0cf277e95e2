"""Prediction of large images in overlapping tiles, blended by Gaussian weights so that no seam shows.

The value of a pixel is the weighted mean over the tiles that cover it, sum_t g_t p_t / sum_t g_t, so that a constant
stays that constant. Attention with global support reaches to the edge of the tile, not of the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64, Shaped

# The blending weight falls to exp(-1/2 * 4^2) at the edge of a tile: there the overlapping neighbours decide.
_SIGMAS_TO_EDGE = 4.0


def starts(length: int, tile: int, overlap: float) -> list[int]:
    """Return where tiles begin along an axis, in pixels: evenly spread, the last tile ending where the axis ends.

    Neighbours share at least the fraction ``overlap`` of a tile. An axis no longer than the tile has one tile, of the
    axis's own length.
    """
    if length <= tile:
        return [0]
    step = max(1, math.floor(tile * (1 - overlap)))
    intervals = math.ceil((length - tile) / step)
    return [round(i * (length - tile) / intervals) for i in range(intervals + 1)]


def gaussian(height: int, width: int) -> Float64[np.ndarray, "height width"]:
    """Return the blending weights of a tile: a separable Gaussian, 1 at the centre, positive everywhere."""
    return np.outer(_profile(height), _profile(width))


def _profile(length: int) -> np.ndarray:
    centre = (length - 1) / 2
    return np.exp(-0.5 * ((np.arange(length) - centre) / (length / 2) * _SIGMAS_TO_EDGE) ** 2)


def blend(
    image: Shaped[np.ndarray, "height width channels"],
    tile: tuple[int, int],
    overlap: float,
    predict: Callable[[np.ndarray], np.ndarray],
) -> Float64[np.ndarray, "height width *classes"]:
    """Run ``predict`` ([h, w, channels] -> [h, w] or [h, w, classes]) on overlapping tiles and blend the results.

    Args:
        image: of any size; a tile is no larger than the image.
        tile: height and width of a tile, pixels.
        overlap: fraction of a tile that neighbours share at least, 0 <= overlap < 1.
        predict: called with one tile at a time.
    """
    height, width = image.shape[:2]
    rows, columns = min(tile[0], height), min(tile[1], width)
    weights = gaussian(rows, columns)
    total, weight = np.zeros(()), np.zeros((height, width))
    for top in starts(height, rows, overlap):
        for left in starts(width, columns, overlap):
            window = slice(top, top + rows), slice(left, left + columns)
            found = predict(image[window])
            beside = (1,) * (found.ndim - 2)  # an axis of classes, where there is one
            total = total if total.ndim else np.zeros((height, width, *found.shape[2:]))
            total[window] += weights.reshape(rows, columns, *beside) * found
            weight[window] += weights
    return total / weight.reshape(height, width, *(1,) * (total.ndim - 2))
