"""Pooling and upsampling between the levels of a network, with TensorFlow's semantics, and resizing between any grids.

All but ``resize``, which is told lengths by itself, keep inside the ``frame`` of each image. Pooling and ``upsample2``
work along one axis at a time, on the even and the odd pixels apart, as element-wise sums that
XLA fuses. On a CPU this is 1.5 to 3 times faster, gradient included, than ``reduce_window`` or products with
interpolation matrices, which is what ``resize`` needs.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from jaxseg.layers import frame

ROWS, COLUMNS = 1, 2  # axes of [batch, height, width, channels]


def max_pool(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch rows columns channels"]:
    """Return the largest value of every 3x3 window, stride 2, ``SAME``: sides are halved, rounded up.

    The gradient goes to the largest entry alone, the first in row-major order where several are.
    """
    x = frame.clear(x, -jnp.inf, step=2)
    for axis in (COLUMNS, ROWS):
        first, second, third = _windows(x, axis, padding=-jnp.inf)
        x = _larger(_larger(first, second), third)
    return frame.clear(x)  # no infinity is left: the next layer may multiply it by zero


def max_pool2(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch rows columns channels"]:
    """Return the largest value of every 2x2 window, stride 2: sides are halved, rounded down.

    The gradient goes to the largest entry alone, the first in row-major order where several are.
    """
    frame.lengths(x.shape[1:3], step=2)  # in such steps no window reaches beyond a frame
    for axis in (COLUMNS, ROWS):
        x = _larger(*_pairs(x, axis))
    return x


def avg_pool(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch rows columns channels"]:
    """Return the mean of the real pixels of every 3x3 window, stride 2, ``SAME``: sides are halved, rounded up."""
    y = frame.clear(x.astype(jnp.promote_types(x.dtype, jnp.float32)), step=2)
    for axis, side in _sides(x, step=2):
        start = 2 * np.arange(-(-x.shape[axis] // 2)) - x.shape[axis] % 2
        count = 3 - (start < 0) - (start + 3 > side)
        y = sum(_windows(y, axis, padding=0.0)) * _along(axis, 1 / count, y.dtype)
    return y.astype(x.dtype)


def avg_pool2(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch rows columns channels"]:
    """Return the mean of every 2x2 window, stride 2: sides are halved, rounded down."""
    frame.lengths(x.shape[1:3], step=2)  # in such steps no window reaches beyond a frame
    y = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    for axis in (COLUMNS, ROWS):
        even, odd = _pairs(y, axis)
        y = (even + odd) / 2
    return y.astype(x.dtype)


def repeat2(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch rows columns channels"]:
    """Double both sides: each pixel becomes a block of 2 x 2."""
    return x.repeat(2, axis=ROWS).repeat(2, axis=COLUMNS)


def upsample2(
    x: Float[Array, "batch height width channels"], *, align_corners: bool = True
) -> Float[Array, "batch rows columns channels"]:
    """Double both sides bilinearly: of n inputs, output p reads at p (n - 1) / (2 n - 1).

    Without ``align_corners`` it reads at (p + 1/2) / 2 - 1/2, and beyond the first and the last input that input.
    Output 2 i so lies between the inputs i - 1 and i, output 2 i + 1 between i and i + 1.
    """
    y = frame.clear(x.astype(jnp.promote_types(x.dtype, jnp.float32)))
    for axis, side in _sides(x):
        place = np.arange(x.shape[axis])
        if align_corners:
            lag = place / (2 * side - 1)  # how far output 2 i lies before input i
            lead = (side - 1 - place) / (2 * side - 1)  # how far output 2 i + 1 lies behind input i
        else:
            lag, lead = (place > 0) / 4, (side - 1 - place > 0) / 4
        even = _along(axis, lag, y.dtype) * moved(y, axis, 1) + _along(axis, 1 - lag, y.dtype) * y
        odd = _along(axis, lead, y.dtype) * moved(y, axis, -1) + _along(axis, 1 - lead, y.dtype) * y
        pairs = jnp.stack([even, odd], axis + 1)
        y = pairs.reshape(*y.shape[:axis], 2 * y.shape[axis], *y.shape[axis + 1 :])
    return y.astype(x.dtype)


def resize(
    x: Float[Array, "batch *spatial channels"],
    grid: tuple[int, ...],
    old: Int[Array, "batch axes"],
    new: Int[Array, "batch axes"],
    *,
    align_corners: bool,
) -> Float[Array, "batch *resized channels"]:
    """Interpolate ``x`` linearly to ``grid``, its real part, ``old`` long along each axis, to a real part ``new`` long.

    So the result at real pixels does not depend on the frame around them. Output o reads the input at
    o (n - 1) / (m - 1) with ``align_corners``, else at (o + 1/2) n / m - 1/2, n and m being the old and the new
    length; beyond the first and the last real pixel it reads those.
    """
    wide = jnp.promote_types(x.dtype, jnp.float32)
    y = x.astype(wide)
    for axis, side in enumerate(grid):
        n, m = (lengths[:, axis, None].astype(wide) for lengths in (old, new))
        o = jnp.arange(side, dtype=wide)
        place = o * (n - 1) / jnp.maximum(m - 1, 1) if align_corners else (o + 0.5) * n / m - 0.5
        distance = jnp.abs(jnp.clip(place, 0, n - 1)[..., None] - jnp.arange(x.shape[axis + 1]))
        y = jnp.moveaxis(y, axis + 1, 1)
        y = jnp.einsum("boi,bi...->bo...", jnp.maximum(1 - distance, 0), y)
        y = jnp.moveaxis(y, 1, axis + 1)
    return y.astype(x.dtype)


def _pairs(x: Array, axis: int) -> tuple[Array, Array]:
    """Return the even and the odd entries along ``axis``; a last one that has no partner is left out."""
    whole = lax.slice_in_dim(x, 0, x.shape[axis] // 2 * 2, axis=axis)
    pairs = whole.reshape(*x.shape[:axis], x.shape[axis] // 2, 2, *x.shape[axis + 1 :])
    even, odd = (lax.index_in_dim(pairs, place, axis + 1, keepdims=False) for place in (0, 1))
    return even, odd


def _windows(x: Array, axis: int, padding: float) -> tuple[Array, Array, Array]:
    """Return the first, second and third entry of each window of three, stride 2, ``SAME``, along ``axis``."""
    side = x.shape[axis]
    windows = -(-side // 2)
    before = side % 2  # ``SAME`` puts the smaller half of the padding first: 0 of 1, or 1 of 2.
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (before, 2 * windows + 2 - side - before, 0)
    even, odd = _pairs(lax.pad(x, jnp.asarray(padding, x.dtype), widths), axis)
    first, second = (lax.slice_in_dim(half, 0, windows, axis=axis) for half in (even, odd))
    return first, second, lax.slice_in_dim(even, 1, windows + 1, axis=axis)


def _larger(first: Array, second: Array) -> Array:
    """Return the larger entry, ``first`` where they are equal (``jnp.maximum`` would halve the gradient); NaN stays."""
    return jnp.where((second > first) | jnp.isnan(second), second, first)


def moved(x: Array, axis: int, places: int) -> Array:
    """Return ``x`` moved by so many places along ``axis``, zeros moving in."""
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (places, -places, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), widths)


def _sides(x: Array, step: int = 1) -> list[tuple[int, Any]]:
    """Return both axes, columns first, with the cells of ``x`` along each: a number, or one for each frame, [batch, 1].

    ``step`` is that of ``frame.lengths``.
    """
    ends = frame.lengths(x.shape[1:3], step)
    return [(axis, x.shape[axis] if ends is None else ends[:, axis - 1, None]) for axis in (COLUMNS, ROWS)]


def _along(axis: int, weights: np.ndarray | Array, dtype: jnp.dtype) -> Array:
    """Return a vector, or one for each image, that broadcasts along ``axis`` of [batch, height, width, channels]."""
    shape = [1, 1, 1, 1]
    shape[0], shape[axis] = weights.shape if weights.ndim == 2 else (1, -1)
    return jnp.asarray(weights, dtype).reshape(shape)
