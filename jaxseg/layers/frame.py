"""What part of a canvas each image takes: layers read beyond it as they read beyond an edge.

An image's own *frame* is its size, rounded up to the network's stride. Images of several frames may lie on one larger
canvas, each at the top left, so that one compiled program serves them all. While a network says ``with inside(...)``,
the layers of this room let no image see what lies beyond its frame: there are the zeros of ``SAME``, nothing is pooled
from there, and corners that are aligned are the frame's. What they return beyond it is finite, and means nothing.

``lengths`` and ``clear`` are all that a layer asks. Outside of ``inside`` they leave the program as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Shaped

Grid = tuple[int, ...]


@dataclass(frozen=True)
class _Frames:
    pixels: Array = field(compare=False)  # height and width of each image's frame, int [batch, 2]
    canvas: Grid = field(compare=False)
    stride: int = field(compare=False)


# JAX remembers what it traced by what this compares with: nothing that it traced without frames passes for the same
# with them. All frames compare equal, or it would trace functions of ``jax.numpy`` again for every canvas.
_FRAMES = jax.make_user_context(None)


@contextlib.contextmanager
def inside(sizes: Int[Array, "batch 2"], canvas: Grid, stride: int) -> Iterator[None]:
    """Keep the layers that are called in this context inside the frames of the images.

    Args:
        sizes: height and width of each image, in pixels.
        canvas: those of what they lie on.
        stride: of the network, to which frames are rounded up.
    """
    with _FRAMES(_Frames(-(-sizes // stride) * stride, canvas, stride)):
        yield


def outside() -> contextlib.AbstractContextManager[None]:
    """Let the layers that are called in this context read all there is, for features on a grid of their own."""
    return _FRAMES(None)


def lengths(grid: Grid, step: int = 1) -> Int[Array, "batch 2"] | None:
    """Return how many cells of ``grid``, which lies over the canvas, each frame has; None: they have all of them.

    Args:
        grid: cells along each side of the canvas.
        step: how many of them a strided layer makes one of.

    Raises:
        ValueError: if such steps do not divide a stride of the network, so that frames may end inside of one.
    """
    frames = _FRAMES.value
    if frames is None:
        return None
    if any(cells * frames.stride % (side * step) for cells, side in zip(grid, frames.canvas, strict=True)):
        raise ValueError(
            f"a layer of step {step} on {grid[0]} x {grid[1]} cells, for a canvas of {frames.canvas[0]} x "
            f"{frames.canvas[1]} pixels with frames in steps of {frames.stride}: a frame may end inside of its cells; "
            "declare the stride of the network's coarsest cell, or framed = False"
        )
    return frames.pixels * jnp.array(grid) // jnp.array(frames.canvas)


def clear(x: Shaped[Array, "*x"], value: float = 0.0, step: int = 1) -> Shaped[Array, "*x"]:
    """Return ``x`` [batch, rows, columns, channels] with ``value`` beyond each image's frame.

    ``step`` and errors are those of ``lengths``.
    """
    grid = x.shape[1:-1]
    ends = lengths(grid, step)
    return x if ends is None else jnp.where(first(ends, grid)[..., None], x, value)


def first(ends: Int[Array, "batch 2"], grid: Grid) -> Bool[Array, "batch rows columns"]:
    """Return which cells of a grid are among the first of each image: so many rows, and so many columns."""
    rows, columns = (jnp.arange(cells) < ends[:, axis, None] for axis, cells in enumerate(grid))
    return rows[:, :, None] & columns[:, None, :]
