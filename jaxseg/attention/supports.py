"""Supports: Omega(i), the keys that a query reads.

A support knows the grid of its ``queries``, the grid of its ``keys``, how many ``slots`` Omega has, and ``at(i)``:
for flat queries i [R], the flat keys j and which of them exist, both broadcastable to [B, R, M, K]. A slot that falls
off the grid holds key 0 and is not ok.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import lax
from jaxtyping import Array, Bool, Int, Shaped

Grid = tuple[int, ...]
Slots = tuple[Int[Array, "b r m k"], Bool[Array, "b r m k"]]


@struct.dataclass
class Everywhere:
    """Omega(i) = all keys, on the queries' own grid or on a coarser one (pooled keys)."""

    queries: Grid = struct.field(pytree_node=False)
    keys: Grid = struct.field(pytree_node=False)

    @property
    def slots(self) -> int:
        """P, the number of keys."""
        return math.prod(self.keys)

    def at(self, i: Int[Array, " R"]) -> Slots:
        """Return every key, once for all queries: [1, 1, 1, P]."""
        j = jnp.arange(self.slots)[None, None, None]
        return j, jnp.ones(j.shape, bool)


class Box:
    """A support that is a box of keys on the queries' own grid: along each axis its slots depend on that axis alone.

    A subclass holds ``queries``, says the ``size`` of its box, and where its slots lie ``along`` an axis. Slots run
    row-major over the box, as the taps of a convolution's kernel do.
    """

    queries: Grid
    size: Grid

    @property
    def keys(self) -> Grid:
        """The queries' own grid."""
        return self.queries

    @property
    def slots(self) -> int:
        """K, the product of the sides of the box."""
        return math.prod(self.size)

    def along(self, axis: int) -> np.ndarray | Array:
        """Return the coordinate of each slot of each query coordinate, [side, size]; it may lie off the grid.

        Where it differs between images it is [B, side, size], and a subclass says what ``exists``.
        """
        raise NotImplementedError

    def exists(self, axis: int) -> np.ndarray | Array:
        """Return which of those coordinates lie on the grid."""
        place = self.along(axis)
        return (place >= 0) & (place < self.queries[axis])

    def look(self, a: Shaped[Array, "*a"], axis: int, slot: Any, first: int) -> Shaped[Array, "*b"]:
        """Return for each query coordinate what ``a`` has at its ``slot`` along ``axis``; off the grid, anything.

        The grid starts at axis ``first`` of ``a``; the slot may be traced.
        """
        place = jnp.asarray(self.along(axis))[..., slot]
        if place.ndim == 1:
            return jnp.take(a, place, axis=first + axis, mode="clip")
        a = jnp.broadcast_to(a, (len(place), *a.shape[1:]))
        return jax.vmap(lambda a, place: jnp.take(a, place, axis=first + axis - 1, mode="clip"))(a, place)

    def at(self, i: Int[Array, " R"]) -> Slots:
        """Return the box of each query: [1 or B, R, 1, K]."""
        j, ok = jnp.zeros((1, len(i), 1), int), jnp.ones((1, len(i), 1), bool)
        for axis, here in enumerate(jnp.unravel_index(i, self.queries)):
            place, exists = jnp.asarray(self.along(axis))[..., here, :], jnp.asarray(self.exists(axis))[here]
            j = j[..., None] * self.queries[axis] + place[..., None, :]
            j = j.reshape(len(j), len(i), -1)
            ok = (ok[..., None] & exists[:, None]).reshape(1, len(i), -1)
        ok = jnp.broadcast_to(ok, j.shape)
        return jnp.where(ok, j, 0)[:, :, None], ok[:, :, None]


@struct.dataclass
class Itself(Box):
    """Omega(i) = {i}: point-wise attention."""

    queries: Grid = struct.field(pytree_node=False)

    @property
    def size(self) -> Grid:
        """A box of one key."""
        return (1,) * len(self.queries)

    def along(self, axis: int) -> np.ndarray:
        """Return each coordinate itself."""
        return np.arange(self.queries[axis])[:, None]


@struct.dataclass
class Window(Box):
    """Omega(i) = the keys around i: ``size`` of them along each axis, ``dilation`` apart, cut at the border."""

    queries: Grid = struct.field(pytree_node=False)
    size: Grid = struct.field(pytree_node=False)
    dilation: int = struct.field(pytree_node=False, default=1)

    def along(self, axis: int) -> np.ndarray:
        """Return the coordinates around each; an even window has one key more after i than before it, as SAME has."""
        before = (self.size[axis] - 1) * self.dilation // 2
        return np.arange(self.queries[axis])[:, None] + np.arange(self.size[axis]) * self.dilation - before

    def look(self, a: Shaped[Array, "*a"], axis: int, slot: Any, first: int) -> Shaped[Array, "*a"]:
        """Slice instead of gathering: all queries look the same way."""
        reach, before = (self.size[axis] - 1) * self.dilation, (self.size[axis] - 1) * self.dilation // 2
        pad = [(0, 0)] * a.ndim
        pad[first + axis] = (before, reach - before)
        start = slot * self.dilation
        return lax.dynamic_slice_in_dim(jnp.pad(a, pad), start, self.queries[axis], axis=first + axis)


@struct.dataclass
class Neighborhood(Box):
    """Omega(i) = the ``window`` of keys around i, which at a border moves inwards as a whole.

    An even window 2 r reads r keys before i and r - 1 after it, as NATTEN does since 0.17.5. A side shorter than the
    window is read whole. The border is where the grid ends, or at the ``ends`` of each image.
    """

    queries: Grid = struct.field(pytree_node=False)
    window: Grid = struct.field(pytree_node=False)
    ends: Any = None  # int [B, axes]

    @property
    def size(self) -> Grid:
        """The window, no longer than the grid."""
        return tuple(min(side, window) for side, window in zip(self.queries, self.window, strict=True))

    def along(self, axis: int) -> np.ndarray | Array:
        """Return the coordinates of the window of each, all of them on the grid."""
        size, places = self.size[axis], np.arange(self.queries[axis])[:, None]
        if self.ends is None:
            return np.clip(places - size // 2, 0, self.queries[axis] - size) + np.arange(size)
        last = jnp.maximum(self.ends[:, axis] - size, 0)[:, None, None]
        return jnp.clip(places - size // 2, 0, last) + np.arange(size)

    def exists(self, axis: int) -> np.ndarray:
        """Return that all lie on the grid."""
        return np.ones((self.queries[axis], self.size[axis]), bool)

    def look(self, a: Shaped[Array, "*a"], axis: int, slot: Any, first: int) -> Shaped[Array, "*b"]:
        """Slice instead of gathering where all images end alike: all queries near one border read the same key."""
        if self.ends is not None:
            return super().look(a, axis, slot, first)
        side, size, at = self.queries[axis], self.size[axis], first + axis
        before = size // 2
        inner = lax.dynamic_slice_in_dim(a, slot, side - size + 1, axis=at)
        ends = [lax.slice_in_dim(inner, 0, 1, axis=at), lax.slice_in_dim(inner, side - size, side - size + 1, axis=at)]
        return jnp.concatenate(
            [jnp.repeat(ends[0], before, axis=at), inner, jnp.repeat(ends[1], size - 1 - before, axis=at)], axis=at
        )


@struct.dataclass
class Tiles(Box):
    """Omega(i) = the tile that holds i. Tiles of one ``size`` start at ``shift``; the grid's border cuts them.

    With size (height, 1) or (1, width) a tile is the line through i along one axis.
    """

    queries: Grid = struct.field(pytree_node=False)
    size: Grid = struct.field(pytree_node=False)
    shift: Grid = struct.field(pytree_node=False)

    def along(self, axis: int) -> np.ndarray:
        """Return the coordinates of the tile that holds each; they may lie off the grid."""
        size, shift = self.size[axis], self.shift[axis]
        start = (np.arange(self.queries[axis]) - shift) // size * size + shift
        return start[:, None] + np.arange(size)


@struct.dataclass
class Cross:
    """Omega(i) = the lines through i along every axis, i itself once.

    Slots: the first line whole, then the others without i.
    """

    queries: Grid = struct.field(pytree_node=False)

    @property
    def keys(self) -> Grid:
        """The queries' own grid."""
        return self.queries

    @property
    def slots(self) -> int:
        """The sum of the sides, i counted once."""
        return sum(self.queries) - len(self.queries) + 1

    def at(self, i: Int[Array, " R"]) -> Slots:
        """Return the lines through each query: [1, R, 1, K]."""
        lines = []
        for axis, here in enumerate(jnp.unravel_index(i, self.queries)):
            place = jnp.arange(self.queries[axis] - (axis > 0))
            if axis > 0:
                place = place + (place >= here[:, None])
            stride = math.prod(self.queries[axis + 1 :])
            lines.append(i[:, None] + (place - here[:, None]) * stride)
        j = jnp.concatenate(lines, axis=1)[None, :, None]
        return j, jnp.ones(j.shape, bool)


@struct.dataclass
class Points:
    """Omega(i) = keys that i itself chose, separately for each head: the corners around a sampled point."""

    queries: Grid = struct.field(pytree_node=False)
    keys: Grid = struct.field(pytree_node=False)
    j: Any  # flat keys, int [B, N, M, K]
    ok: Any  # which of them exist, bool [B, N, M, K]

    @property
    def slots(self) -> int:
        """K, the keys that a head of a query chose."""
        return self.j.shape[-1]

    def at(self, i: Int[Array, " R"]) -> Slots:
        """Return the keys of each query: [B, R, M, K]."""
        return self.j[:, i], self.ok[:, i]


def take(a: Shaped[Array, "#B P H ..."], j: Int[Array, "#B r m K"]) -> Shaped[Array, "#B r h K ..."]:
    """Gather the keys' entries ``a`` at ``j``; h is H, or m where the heads share their entries but not their keys."""
    if j.shape[0] == j.shape[2] == 1:  # One index for all images and heads: a cheaper gather.
        return jnp.moveaxis(a[:, j[0, :, 0]], 3, 2)
    images, heads = np.arange(a.shape[0]), np.arange(a.shape[2])
    return a[images[:, None, None, None], j, heads[:, None]]
