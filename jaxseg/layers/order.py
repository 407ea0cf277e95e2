"""An order of computation that XLA keeps."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

AnyArray = Array | np.ndarray


def after(x: Float[AnyArray, "*x"], other: Float[AnyArray, "*other"]) -> Float[Array, "*x"]:
    """Return ``x``, as a value that XLA cannot compute before ``other``.

    XLA's CPU backend drops ``lax.optimization_barrier`` before it joins what is computed twice, and before it plans the
    order, in which all comes as early as it can. What a backward pass makes of ``x`` alone, such as its transposition
    for a weight gradient, would so be made in the forward pass, and kept: a sixth of the memory of a training step. A
    choice by a bit of ``other`` stays.
    """
    if other.size == 0:
        return jnp.asarray(x)
    bits = lax.bitcast_convert_type(jnp.asarray(other).reshape(-1)[:1].astype(jnp.float32), jnp.uint32)
    return jnp.where((bits[0] | 1) != 0, x, 0)  # always x
