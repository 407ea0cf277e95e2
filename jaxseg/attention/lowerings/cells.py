"""Fast forms where the grid falls into cells whose positions read each other: tiles, lines, crosses of lines."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxseg.attention.form import Form
from jaxseg.attention.lowerings.everywhere import existing
from jaxseg.attention.lowerings.online import NORMS, Sums, blocks, finish, merge, over_tiles
from jaxseg.attention.lowerings.table import Lowering, pair_macs
from jaxseg.attention.scores import Pairwise
from jaxseg.attention.supports import Cross, Grid, Tiles

# How many scores one step may hold, over all its cells. On a CPU small steps are as fast as large ones, and the
# backward pass holds about ten arrays of that size.
CPU_CELLS, CELLS = 2**18, 2**22


def tiled(form: Form) -> Array:
    """Attend within every tile as if it were a small image of its own."""
    sums = within(form, form.support.size, form.support.shift)
    return form.merge(finish(sums)).astype(form.values().dtype)


def crossed(form: Form) -> Array:
    """Attend along each axis, then merge the sums of the axes, so that the norm runs over all lines jointly."""
    grid = form.support.queries
    sums = within(form, _line(grid, 0), (0,) * len(grid))
    for axis in range(1, len(grid)):
        sums = merge(sums, within(form, _line(grid, axis), (0,) * len(grid), distinct=True))
    return form.merge(finish(sums)).astype(form.values().dtype)


def _line(grid: Grid, axis: int) -> Grid:
    return tuple(side if at == axis else 1 for at, side in enumerate(grid))


def within(form: Form, size: Grid, shift: Grid, *, distinct: bool = False) -> Sums:
    """Return the sums of every query over the tile that holds it; if ``distinct``, over its other keys only.

    Some tiles at a time are taken as images of a batch. A pairwise score depends on places only through their offset,
    so all tiles are scored at the places of the first one.
    """
    grid, v, heads = form.support.queries, form.values(), form.heads
    length, ok = math.prod(size), jnp.broadcast_to(existing(form), v.shape[:2])
    q, k = jax.tree.map(lambda a: jnp.broadcast_to(a, (v.shape[0], *a.shape[1:])), (form.score.q, form.score.k))
    tiles = jax.tree.map(partial(split, grid=grid, size=size, shift=shift), (q, k, v, ok))
    number = v.shape[0] * math.prod(_counts(grid, size, shift))
    steps, together = blocks(number, at_once(length, heads))
    tiles = jax.tree.map(
        lambda a: jnp.pad(a, [(0, steps * together - number)] + [(0, 0)] * (a.ndim - 1)).reshape(
            steps, together, *a.shape[1:]
        ),
        tiles,
    )
    place = jnp.ravel_multi_index(tuple(jnp.indices(size).reshape(len(size), -1)), grid, mode="clip")

    def attend(cells: tuple) -> Sums:
        q, k, values, exists = cells
        return over_tiles(form.score, form.norm, q, k, values, exists, place, place, heads, distinct)

    sums = lax.map(jax.checkpoint(attend, prevent_cse=False), tiles)
    return Sums(*(join(a.reshape(-1, *a.shape[2:])[:number], grid, size, shift) for a in sums))


def at_once(length: int, heads: int) -> int:
    """Return how many cells of ``length`` positions one step takes; a cell has length x length scores per head."""
    room = CPU_CELLS if jax.default_backend() == "cpu" else CELLS
    return max(room // (length * length * heads), 1)


def split(a: Array, grid: Grid, size: Grid, shift: Grid) -> Array:
    """Return the tiles of [B, N, ...] as [B tiles, positions of a tile, ...], those at the border padded with zeros."""
    counts, before = _counts(grid, size, shift), _before(size, shift)
    rest = a.shape[2:]
    after = [n * w - side - low for n, w, side, low in zip(counts, size, grid, before, strict=True)]
    a = a.reshape(a.shape[0], *grid, *rest)
    a = jnp.pad(a, [(0, 0), *zip(before, after, strict=True), *((0, 0) for _ in rest)])
    a = a.reshape(a.shape[0], *(side for pair in zip(counts, size, strict=True) for side in pair), *rest)
    axes, dims = range(a.ndim), len(grid)
    a = a.transpose(0, *axes[1 : 2 * dims + 1 : 2], *axes[2 : 2 * dims + 1 : 2], *axes[2 * dims + 1 :])
    return a.reshape(-1, math.prod(size), *rest)


def join(a: Array, grid: Grid, size: Grid, shift: Grid) -> Array:
    """Return [B, N, ...] of its tiles, ``split`` undone."""
    counts, before, dims, rest = _counts(grid, size, shift), _before(size, shift), len(grid), a.shape[2:]
    a = a.reshape(-1, *counts, *size, *rest)
    order = [axis for pair in zip(range(1, dims + 1), range(dims + 1, 2 * dims + 1), strict=True) for axis in pair]
    a = a.transpose(0, *order, *range(2 * dims + 1, a.ndim))
    a = a.reshape(a.shape[0], *(n * w for n, w in zip(counts, size, strict=True)), *rest)
    a = a[(slice(None), *(slice(low, low + side) for low, side in zip(before, grid, strict=True)))]
    return a.reshape(a.shape[0], -1, *rest)


def _before(size: Grid, shift: Grid) -> Grid:
    """Return how many positions of the first tile lie off the grid, for each axis."""
    return tuple(-s % w for s, w in zip(shift, size, strict=True))


def _counts(grid: Grid, size: Grid, shift: Grid) -> Grid:
    """Return the number of tiles, for each axis."""
    return tuple(-(-(side + low) // w) for side, w, low in zip(grid, size, _before(size, shift), strict=True))


ROWS = (
    Lowering("tiled", tiled, pair_macs, Tiles, Pairwise, NORMS),
    Lowering("crossed", crossed, pair_macs, Cross, Pairwise, NORMS),
)
