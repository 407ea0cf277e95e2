"""Scores: A(x_i, x_j, D_ij) of Eq. 1 before its norm.

A score is called with flat queries i [R] and the keys j of their slots, broadcastable to [B, R, M, K], and returns an
array broadcastable to [B, R, M, K]. ``macs`` counts the multiply-adds of one weight.
"""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int

from jaxseg.attention.supports import Grid, take
from jaxseg.attention.values import Affine


class Pairwise:
    """A score that is a function of the pair (i, j) alone, so that keys may come in any order and in blocks.

    A subclass holds what it needs of the queries, ``q`` [B, N, H, ...], and of the keys, ``k`` [B, P, H, ...], each an
    array or a tree of them (possibly empty), and says how to score a ``pair``. A pair's places may enter its score only
    through their offset j - i: the lowerings over tiles score every tile at the places of the first one. A score that
    needs to know a place itself holds it as an entry of q or k.
    """

    q: Any
    k: Any
    macs: int
    makes = 0  # multiply-adds that making q and k of one image takes, where they are made when needed

    def pair(self, q: Any, k: Any, i: Array, j: Array) -> Array:
        """Return [B, M, R, K] from the entries of R queries, [B, H, R, ...], and K keys, [B, H, 1 or R, K, ...].

        Heads come before queries here, since products are then those of whole matrices. The places are i [R] and j,
        broadcastable to [B, M, R, K]; so is the result.
        """
        raise NotImplementedError

    def __call__(self, i: Int[Array, " R"], j: Int[Array, "b r m K"]) -> Float[Array, "#B #R M #K"]:
        """Return the scores of queries ``i`` on keys ``j``."""
        q = jax.tree.map(lambda a: a[:, i].swapaxes(1, 2), self.q)
        k = jax.tree.map(lambda a: take(a, j).swapaxes(1, 2), self.k)
        return self.pair(q, k, i, j.swapaxes(1, 2)).swapaxes(1, 2)


class Product(Pairwise):
    """A = q_i . k_j, accumulated in float32 at least, of q [B, N, M, c] and k [B, P, 1 or M, c]."""

    @property
    def macs(self) -> int:
        """One multiply-add per channel."""
        return self.q.shape[-1]

    def pair(self, q: Array, k: Array, i: Array, j: Array) -> Array:
        """Return the dot products, in float32 at least; places do not matter."""
        wide = jnp.promote_types(jnp.result_type(q, k), jnp.float32)
        return jnp.einsum("bmrc,bmrkc->bmrk", q, k, preferred_element_type=wide)


@struct.dataclass
class Dot(Product):
    """A = q_i . k_j of queries and keys that exist."""

    q: Any  # [B, N, M, c]
    k: Any  # [B, P, 1 or M, c]


@struct.dataclass
class DotOfMaps(Product):
    """A = q_i . k_j of affine maps of the features, made when needed: a fast form may do without. One head."""

    query: Affine
    key: Affine

    @property
    def q(self) -> Float[Array, "B N 1 c"]:
        """The queries."""
        return self.query.all()

    @property
    def k(self) -> Float[Array, "B P 1 c"]:
        """The keys."""
        return self.key.all()

    @property
    def macs(self) -> int:
        """One multiply-add per channel."""
        return self.query.width

    @property
    def makes(self) -> int:
        """Multiply-adds that making q and k of one image takes."""
        return self.query.macs + self.key.macs


@struct.dataclass
class Concat(Pairwise):
    """A = ReLU(w . [theta_i, phi_j]) = ReLU(q_i + k_j): the linear map splits, so no pair is ever concatenated."""

    q: Any  # [B, N, M], theta's half
    k: Any  # [B, P, 1 or M], phi's half
    macs = 1

    def pair(self, q: Array, k: Array, i: Array, j: Array) -> Array:
        """Return the rectified sums; places do not matter."""
        return jax.nn.relu(q[..., None] + k)


@struct.dataclass
class OfKey(Pairwise):
    """A = k_j, the same for all queries."""

    k: Any  # [B, P, H]
    q = ()
    macs = 0

    def pair(self, q: Any, k: Array, i: Array, j: Array) -> Array:
        """Return the keys' entries, [B, H, 1 or R, K], the same for every query."""
        return k


@struct.dataclass
class Uniform(Pairwise):
    """A = 1."""

    q = k = ()
    macs = 0

    def pair(self, q: Any, k: Any, i: Array, j: Array) -> Array:
        """Return a one that broadcasts to every pair."""
        return jnp.ones((1, 1, 1, 1))


@struct.dataclass
class Relative(Pairwise):
    """A = sum_c R_D[c] q_i[c] k_j[c], with D the offset from i to j; a factor that is not given counts as one.

    With q alone the position term q_i . R_D, with k alone k_j . R_D, with neither a bias b_D (c = 1). Along each of the
    ``axes``, ``table`` holds the offsets j - i from 1 - span to span - 1 in ascending order: entry t is offset
    t - (span - 1). The span may differ between axes.
    """

    table: Any  # [2 span - 1 for each axis, 1 or M, c]
    grid: Grid = struct.field(pytree_node=False)  # of queries and keys
    axes: tuple[int, ...] = struct.field(pytree_node=False)  # whose offsets count
    q: Any = None  # [B, N, M, c]
    k: Any = None  # [B, P, 1 or M, c]

    @property
    def macs(self) -> int:
        """One multiply-add per channel and factor; the table's entry is one of the factors."""
        return self.table.shape[-1] * (1 + (self.q is not None) + (self.k is not None))

    def pair(self, q: Any, k: Any, i: Array, j: Array) -> Array:
        """Return the products of the table's entries at the pairs' offsets with q and k, in float32 at least."""
        here, there = jnp.unravel_index(i, self.grid), jnp.unravel_index(j, self.grid)
        spans = [(length + 1) // 2 for length in self.table.shape[:-2]]
        offsets = [there[axis] - here[axis][:, None] + span - 1 for axis, span in zip(self.axes, spans, strict=True)]
        flat = jnp.ravel_multi_index(tuple(offsets), self.table.shape[:-2], mode="clip")
        r = take(self.table.reshape(1, -1, *self.table.shape[-2:]), flat.swapaxes(1, 2))  # [1 or B, R, H, K, c]
        factors = [("brmkc", r), ("bmrc", q), ("bmrkc", k)]
        letters, arrays = zip(*((letter, a) for letter, a in factors if a is not None), strict=True)
        wide = jnp.promote_types(jnp.result_type(*arrays), jnp.float32)
        return jnp.einsum(f"{','.join(letters)}->bmrk", *arrays, preferred_element_type=wide)


@struct.dataclass
class Sum(Pairwise):
    """A = a sum of pairwise scores, as of content and position."""

    terms: tuple[Pairwise, ...]

    @property
    def q(self) -> Any:
        """What each term needs of the queries, a tuple in the order of the terms."""
        return tuple(term.q for term in self.terms)

    @property
    def k(self) -> Any:
        """What each term needs of the keys, a tuple in the order of the terms."""
        return tuple(term.k for term in self.terms)

    @property
    def macs(self) -> int:
        """The multiply-adds of all terms, and one addition between each two."""
        return sum(term.macs + 1 for term in self.terms) - 1

    def pair(self, q: Any, k: Any, i: Array, j: Array) -> Array:
        """Return the sum of the terms' scores."""
        scores = [term.pair(of_i, of_j, i, j) for term, of_i, of_j in zip(self.terms, q, k, strict=True)]
        return reduce(operator.add, scores)


@struct.dataclass
class Taps:
    """A = one weight per slot of the query, given as they are: a gate, a dynamic kernel."""

    w: Any  # [1 or B, 1 or N, M, K]
    macs = 0

    def __call__(self, i: Int[Array, " R"], j: Int[Array, "b r m K"]) -> Float[Array, "#B #R M K"]:
        """Return the taps of queries ``i``."""
        return self.w if self.w.shape[1] == 1 else self.w[:, i]


@struct.dataclass
class Indicator:
    """A_m = 1 where j is slot m, else 0 (Eq. 3): M = K heads, one per slot. With ``gain``, gain_i[g] in place of the 1.

    A gain has G entries per query; there are then G groups of K heads, and entry g scales group g: M = G K (Eq. 4).
    """

    gain: Any = None  # [B, N, G]; None: no gain, G = 1
    macs = 0

    def __call__(self, i: Int[Array, " R"], j: Int[Array, "b r m K"]) -> Float[Array, "#B #R M K"]:
        """Return the indicators of queries ``i``."""
        slots = j.shape[-1]
        if self.gain is None:
            return jnp.eye(slots)[None, None]
        a = self.gain[:, i, :, None, None] * jnp.eye(slots, dtype=self.gain.dtype)
        return a.reshape(*a.shape[:2], -1, slots)


def within(span: int, grid: Grid) -> None:
    """Raise ValueError if a side of ``grid`` is longer than ``span``, the longest that a table of offsets covers."""
    if max(grid) > span:
        raise ValueError(
            f"the grid {grid} has a side longer than span {span}, for which this mechanism has no position weights; "
            f"build it with span={max(grid)} or more."
        )
