"""Eq. 1 on its factors, as pure functions of arrays.

    y_i = sum over heads m, sum over j in Omega(i), of A_m(x_i, x_j, D_ij) W_m x_j

A mechanism is a choice of *support* (Omega), *score* and *norm* (A), and *value* (W_m x_j). A ``Form`` is that choice
at a given input. Positions are flattened row-major, so one, two and three dimensions are the same code; images are
batched. The letters of this room:

    B  images                              M  heads
    N  queries, the positions of y         K  slots of Omega(i)
    P  keys, the positions that are read   G  groups: heads are summed within, kept side by side between
    R  queries looked at together          c, d  width of queries and keys, width of values
    i  a query, 0 .. N - 1                 C  channels of x
    j  a key, 0 .. P - 1                   H  heads of a factor: M, or 1 where all heads share it
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Float, Int

from jaxseg.attention.supports import take
from jaxseg.attention.values import Lazy


class Dense(NamedTuple):
    """Eq. 1 written out: out = sum over heads and keys of weights x values. For small inputs."""

    weights: Array  # [(B,) M, N, P]
    values: Array  # [(B,) P, 1 or M, d]
    out: Array  # [(B,) N, G d]


@struct.dataclass
class Form:
    """Eq. 1 at a given input; a tree of arrays that passes through jit, vmap, grad and checkpoint.

    Args:
        support: Omega, one of ``supports`` or of their kind (``queries``, ``keys``, ``slots``, ``at``).
        score: A before its norm, one of ``scores`` or of their kind (``macs``, and a call by queries and keys).
        norm: what makes weights of a query's scores, one of ``norms``.
        value: values of the keys, [B, P, H, d] or one of ``values``. With H = M / G, all groups share them.
        valid: keys that exist, bool [B, P]; the others belong to no Omega. None: all do.
        groups: G. The result has G d channels; 1 is the sum over all heads, M keeps every head apart.

    """

    support: Any
    score: Any
    norm: Callable[..., Array] = struct.field(pytree_node=False)
    value: Any
    valid: Any = None
    groups: int = struct.field(pytree_node=False, default=1)

    @property
    def batch(self) -> int:
        """B, the number of images."""
        return (self.value.x if isinstance(self.value, Lazy) else self.value).shape[0]

    @property
    def heads(self) -> int:
        """M, the number of heads, found by tracing the weights of one query."""
        return jax.eval_shape(lambda form: form.weights(jnp.zeros(1, int))[0], self).shape[2]

    def values(self) -> Float[Array, "B P H d"]:
        """Return the values of every key, for all heads (H = M) or shared by them (H = 1)."""
        v = self.value.all() if isinstance(self.value, Lazy) else self.value
        if v.shape[2] == 1:
            return v
        if (heads := self.heads) % v.shape[2]:
            raise ValueError(f"values have {v.shape[2]} heads and the weights {heads}; give one, or as many.")
        return jnp.tile(v, (1, 1, heads // v.shape[2], 1))

    def weights(self, i: Int[Array, " R"]) -> tuple[Float[Array, "b r M K"], Int[Array, "#b #r #M K"]]:
        """Return A on Omega(i), and the keys of its slots."""
        j, ok = self.support.at(i)
        if self.valid is not None:
            ok = ok & take(self.valid[..., None], j)
        return self.norm(self.score(i, j), ok), j

    def rows(self, i: Int[Array, " R"]) -> Float[Array, "B R M *keys"]:
        """Return A(i, .) over the grid of the keys: the picture of what a query reads, in memory O(P) per query."""
        a, j = self.weights(i)
        shape = jnp.broadcast_shapes((self.batch, len(i), 1, 1), a.shape, j.shape)
        b, r, m, _ = np.indices((*shape[:3], 1), sparse=True)
        rows = jnp.zeros((*shape[:3], math.prod(self.support.keys)), a.dtype)
        rows = rows.at[b, r, m, jnp.broadcast_to(j, shape)].add(jnp.broadcast_to(a, shape))
        return rows.reshape(*shape[:3], *self.support.keys)

    def dense(self) -> Dense:
        """Return all weights, N x P per head. The slow truth: every fast path gives the same ``out``."""
        rows = self.rows(jnp.arange(math.prod(self.support.queries)))
        weights = jnp.moveaxis(rows.reshape(*rows.shape[:3], -1), 2, 1)
        values = self.values()
        return Dense(weights, values, self.merge(jnp.einsum("bmnp,bpmd->bnmd", weights, values)))

    def merge(self, y: Float[Array, "B R M d"]) -> Float[Array, "B R Gd"]:
        """Sum the heads of each group, and put the groups side by side."""
        images, queries, heads, width = y.shape
        if heads % self.groups:
            raise ValueError(f"{heads} heads do not split into {self.groups} groups; take a divisor of the heads.")
        return y.reshape(images, queries, self.groups, -1, width).sum(3).reshape(images, queries, -1)
