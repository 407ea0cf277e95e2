"""Supports: Omega(i), the keys that a query reads.

A support knows the grid of its ``queries``, the grid of its ``keys``, how many ``slots`` Omega has, and ``at(i)``:
for flat queries i [R], the flat keys j and which of them exist, both broadcastable to [B, R, M, K]. A slot that falls
off the grid holds key 0 and is not ok.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Int, Shaped

Grid = tuple[int, ...]
Slots = tuple[Int[Array, "b r m k"], Bool[Array, "b r m k"]]


@struct.dataclass
class Everywhere:
    """Omega(i) = all keys. Their grid is the queries' own, or a pooled one."""

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


@struct.dataclass
class Window:
    """Omega(i) = the keys around i: ``size`` of them along each axis, ``dilation`` apart, cut at the border.

    Slots run row-major over the window, as the taps of a convolution's kernel do.
    """

    queries: Grid = struct.field(pytree_node=False)
    size: Grid = struct.field(pytree_node=False)
    dilation: int = struct.field(pytree_node=False, default=1)

    @property
    def keys(self) -> Grid:
        """The queries' own grid."""
        return self.queries

    @property
    def slots(self) -> int:
        """K, the taps of the window."""
        return math.prod(self.size)

    def at(self, i: Int[Array, " R"]) -> Slots:
        """Return the window of each query: [1, R, 1, K]."""
        # An even window reaches one step further down and right, as XLA's SAME padding has it.
        reach = np.array([(side - 1) * self.dilation // 2 for side in self.size])
        offsets = np.indices(self.size).reshape(len(self.size), -1).T * self.dilation - reach  # [K, axes]
        place = jnp.stack(jnp.unravel_index(i, self.queries), -1)[:, None] + offsets  # [R, K, axes]
        ok = ((place >= 0) & (place < jnp.array(self.queries))).all(-1)
        strides = jnp.array([math.prod(self.queries[axis + 1 :]) for axis in range(len(self.queries))])
        j = jnp.where(ok, (place * strides).sum(-1), 0)
        return j[None, :, None], ok[None, :, None]


@struct.dataclass
class Itself:
    """Omega(i) = {i}: point-wise attention."""

    queries: Grid = struct.field(pytree_node=False)

    @property
    def keys(self) -> Grid:
        """The queries' own grid."""
        return self.queries

    @property
    def slots(self) -> int:
        """One."""
        return 1

    def at(self, i: Int[Array, " R"]) -> Slots:
        """Return each query as its own key: [1, R, 1, 1]."""
        j = jnp.asarray(i)[None, :, None, None]
        return j, jnp.ones(j.shape, bool)


def take(a: Shaped[Array, "B P H ..."], j: Int[Array, "b r m K"]) -> Shaped[Array, "B r h K ..."]:
    """Gather the keys' entries ``a`` at ``j``; h is H, or m where the heads share their entries but not their keys."""
    if j.shape[0] == j.shape[2] == 1:  # One index for all images and heads: a cheaper gather.
        return jnp.moveaxis(a[:, j[0, :, 0]], 3, 2)
    images, heads = np.arange(a.shape[0]), np.arange(a.shape[2])
    return a[images[:, None, None, None], j, heads[:, None]]
