"""Norms: what Eq. 1 does to the scores of one query before it sums. Masked slots get weight zero.

Each takes scores ``a`` and a mask ``ok``, broadcastable to [B, R, M, K], and returns weights of the scores' shape.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def plain(a: Float[Array, "*scores"], ok: Bool[Array, "*slots"]) -> Float[Array, "*weights"]:
    """A = score."""
    return jnp.where(ok, a, 0)


def mean(a: Float[Array, "*scores"], ok: Bool[Array, "*slots"]) -> Float[Array, "*weights"]:
    """A = score / N, N the number of keys that count. The paper's choice for the dot product (section 2.1)."""
    a = a.astype(jnp.promote_types(a.dtype, jnp.float32))
    return jnp.where(ok, a, 0) / jnp.maximum(ok.sum(-1, keepdims=True), 1)


def total(a: Float[Array, "*scores"], ok: Bool[Array, "*slots"]) -> Float[Array, "*weights"]:
    """A = score / sum of the scores of the query, in float32 at least; where that is zero, zeros."""
    a = jnp.where(ok, a.astype(jnp.promote_types(a.dtype, jnp.float32)), 0)
    sums = a.sum(-1, keepdims=True)
    return a / jnp.where(sums == 0, 1, sums)


def softmax(a: Float[Array, "*scores"], ok: Bool[Array, "*slots"]) -> Float[Array, "*weights"]:
    """A = exp(score) / sum of exp(score), in float32 at least; a query without any key gets zeros, not NaN."""
    a = jnp.where(ok, a.astype(jnp.promote_types(a.dtype, jnp.float32)), -jnp.inf)
    # Dot products of features after a ReLU are large and positive: without the maximum, exp would overflow.
    top = jax.lax.stop_gradient(a.max(-1, keepdims=True))
    a = jnp.exp(a - jnp.where(jnp.isfinite(top), top, 0))
    sums = a.sum(-1, keepdims=True)
    return a / jnp.where(sums > 0, sums, 1)
