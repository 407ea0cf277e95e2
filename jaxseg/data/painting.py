"""Brushes for generated images: smooth noise, discs, lines of varying width, and the camera's exposure.

Everything is placed in units of the image's side and drawn from grids and canvases that do not depend on its size, so
one seed shows the same scene at every size.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_GAIN = 1.6  # of the exposure
SHIFT = 4  # cv2 draws with coordinates in 1/16 pixel


def noise(rng: np.random.Generator, size: int, cells: int | float, octaves: int = 1) -> Float[np.ndarray, "size size"]:
    """Draw smooth noise of about unit spread, ``cells`` bumps a side; each further octave halves their size and height.

    The grids do not depend on the size, so neither does what the noise shows; grids finer than the pixels are averaged.
    """
    field = np.zeros((size, size))
    for octave in range(octaves):
        count = max(2, round(cells * 2**octave)) + 3
        grid = rng.standard_normal((count, count)).astype(np.float32)
        shrink = cv2.INTER_AREA if count > size else cv2.INTER_CUBIC
        field += cv2.resize(grid, (size, size), interpolation=shrink) * 0.5**octave * 1.4
    return field


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the pixel centres, in units of the side."""
    axis = (np.arange(size) + 0.5) / size
    return np.meshgrid(axis, axis)


def disc(size: int, centre, radius: float, soft: float | None = None) -> np.ndarray:
    """Return the coverage of a disc; ``soft`` is the width of its edge, one pixel where not given."""
    x, y = grid(size)
    inside = radius - np.hypot(x - centre[0], y - centre[1])
    return np.clip(inside / (soft or 1 / size) + 0.5, 0, 1)


def oversampling(size: int) -> int:
    """Return the sub-pixels along a pixel's side at which shapes are drawn: canvases have about 512 a side or more."""
    return max(2, min(8, 512 // size))


def widening(size: int) -> float:
    """Return a factor on widths: below 384 pixels a side, lines of true width would be thinner than a pixel."""
    return max(1.0, (384 / size) ** 0.5)


def shrink(layer: UInt8[np.ndarray, "high high"], size: int) -> Float[np.ndarray, "size size"]:
    """Average a canvas of 0 to 255 down to ``size`` pixels a side: the share of each pixel, in [0, 1]."""
    return cv2.resize(layer.astype(np.float32) / 255, (size, size), interpolation=cv2.INTER_AREA)


def expose(rng: np.random.Generator, image: np.ndarray, noise: float) -> UInt8[np.ndarray, "size size 3"]:
    """Saturate the light softly, add the sensor's noise (more where there is light), and round to 8 bits.

    ``noise`` is what a sensor of 384 pixels a side has; larger photosites have less.
    """
    image = 1 - np.exp(-np.maximum(image, 0) * _GAIN)
    size = image.shape[0]
    grain = rng.standard_normal(image.shape) * noise * min(1.0, size / 384) ** 0.5 * (0.3 + np.sqrt(image))
    return np.clip((image + grain) * 255 + 0.5, 0, 255).astype(np.uint8)


def unexposed(image: UInt8[np.ndarray, "size size 3"]) -> Float[np.ndarray, "size size 3"]:
    """Return the light that ``expose`` would make an image of, its noise included; what is saturated stays so."""
    return -np.log(1 - np.minimum(image, 254) / 255) / _GAIN


def draw(
    canvas: UInt8[np.ndarray, "height width"], points: np.ndarray, radii: np.ndarray, value: int
) -> UInt8[np.ndarray, "height width"]:
    """Paint a line of varying width into the canvas, in place: a disc at each point, a quad between neighbours."""
    side = canvas.shape[0] * 2**SHIFT
    ends = points * side - 2 ** (SHIFT - 1)  # cv2 puts pixel centres at whole numbers
    heading = np.gradient(points, axis=0)
    normal = heading[:, ::-1] * (-1, 1) / np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
    left, right = (np.rint(ends + sign * normal * radii[:, None] * side).astype(np.int32) for sign in (1, -1))
    centres, sizes = np.rint(ends).astype(np.int32), np.rint(radii * side).astype(np.int32)
    for centre, size in zip(centres.tolist(), sizes.tolist(), strict=True):
        cv2.circle(canvas, centre, size, value, -1, cv2.LINE_8, SHIFT)
    for quad in np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1):
        cv2.fillConvexPoly(canvas, quad, value, cv2.LINE_8, SHIFT)
    return canvas
