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

from jaxseg.attention.supports import take


class Pairwise:
    """A score that is a function of the pair (i, j) alone, so that keys may come in any order and in blocks.

    A subclass holds what it needs of the queries, ``q`` [B, N, H, ...], and of the keys, ``k`` [B, P, H, ...], each an
    array or a tree of them (possibly empty), and says how to score a ``pair``.
    """

    q: Any
    k: Any
    macs: int

    def pair(self, q: Any, k: Any, i: Array, j: Array) -> Array:
        """Return [B, R, M, K] from the entries of R queries, [B, R, H, ...], and K keys, [B, 1 or R, H, K, ...]."""
        raise NotImplementedError

    def __call__(self, i: Int[Array, " R"], j: Int[Array, "b r m K"]) -> Float[Array, "B R M K"]:
        """Return the scores of queries ``i`` on keys ``j``."""
        q = jax.tree.map(lambda a: a[:, i], self.q)
        k = jax.tree.map(lambda a: take(a, j), self.k)
        return self.pair(q, k, i, j)


@struct.dataclass
class Dot(Pairwise):
    """A = q_i . k_j, accumulated in float32 at least."""

    q: Any  # [B, N, M, c]
    k: Any  # [B, P, 1 or M, c]

    @property
    def macs(self) -> int:
        """One a channel."""
        return self.q.shape[-1]

    def pair(self, q: Array, k: Array, i: Array, j: Array) -> Array:
        """Multiply."""
        wide = jnp.promote_types(jnp.result_type(q, k), jnp.float32)
        return jnp.einsum("brmc,brmkc->brmk", q, k, preferred_element_type=wide)


@struct.dataclass
class Concat(Pairwise):
    """A = ReLU(w . [theta_i, phi_j]) = ReLU(q_i + k_j): the linear map splits, so no pair is ever concatenated."""

    q: Any  # [B, N, M], theta's half
    k: Any  # [B, P, 1 or M], phi's half
    macs = 1

    def pair(self, q: Array, k: Array, i: Array, j: Array) -> Array:
        """Add."""
        return jax.nn.relu(q[..., None] + k)


@struct.dataclass
class Sum(Pairwise):
    """A = a sum of pairwise scores, as of content and position."""

    terms: tuple[Pairwise, ...]

    @property
    def q(self) -> Any:
        """Those of the terms."""
        return tuple(term.q for term in self.terms)

    @property
    def k(self) -> Any:
        """Those of the terms."""
        return tuple(term.k for term in self.terms)

    @property
    def macs(self) -> int:
        """Those of the terms, and their additions."""
        return sum(term.macs + 1 for term in self.terms) - 1

    def pair(self, q: Any, k: Any, i: Array, j: Array) -> Array:
        """Add the terms."""
        scores = [term.pair(of_i, of_j, i, j) for term, of_i, of_j in zip(self.terms, q, k, strict=True)]
        return reduce(operator.add, scores)


@struct.dataclass
class Taps:
    """A = a weight for each slot, made at the query: a gate, a dynamic kernel."""

    w: Any  # [B, N, M, K]
    macs = 0

    def __call__(self, i: Int[Array, " R"], j: Int[Array, "b r m K"]) -> Float[Array, "B R M K"]:
        """Return the taps of queries ``i``."""
        return self.w[:, i]


@struct.dataclass
class Indicator:
    """A_m = 1 where j is slot m, else 0 (Eq. 3): M = K heads, one a slot. With ``gain``, x_i[g] in the place of 1.

    A gain has G entries; there are then G groups of K heads, group g scaled by its own: M = G K (Eq. 4).
    """

    gain: Any = None  # [B, N, G]
    macs = 0

    def __call__(self, i: Int[Array, " R"], j: Int[Array, "b r m K"]) -> Float[Array, "#B #R M K"]:
        """Return the indicators of queries ``i``."""
        slots = j.shape[-1]
        if self.gain is None:
            return jnp.eye(slots)[None, None]
        a = self.gain[:, i, :, None, None] * jnp.eye(slots, dtype=self.gain.dtype)
        return a.reshape(*a.shape[:2], -1, slots)
