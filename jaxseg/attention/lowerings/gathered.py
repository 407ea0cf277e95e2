"""The exact fallbacks: gather the keys of each query's slots, in blocks of queries."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxseg.attention.form import Form
from jaxseg.attention.lowerings.online import blocks, weighted
from jaxseg.attention.lowerings.table import Lowering, pair_macs, queries
from jaxseg.attention.supports import Everywhere, take
from jaxseg.attention.values import Projected

GATHERED = 2**22  # how many numbers one block may hold


def gathered(form: Form) -> Array:
    """Gather, weigh and sum the values. Fits every form."""
    v = form.values()

    def attend(i: Array) -> Array:
        return form.merge(_read(form, i, v)).astype(v.dtype)

    return _by_blocks(form, attend, 1 if _everywhere(form) else max(v.shape[-1], form.score.macs))


def _everywhere(form: Form) -> bool:
    """Say whether all queries share their keys, so that nothing is gathered."""
    return isinstance(form.support, Everywhere)


def sampled(form: Form) -> Array:
    """Gather and sum the features for each head, then project them: the values of all keys are never made."""
    x, kernel, heads = form.value.x, form.value.kernel, form.heads
    kernel = jnp.tile(kernel, (heads // len(kernel), 1, 1)).reshape(form.groups, -1, kernel.shape[2])
    wide = jnp.promote_types(x.dtype, jnp.float32)

    def attend(i: Array) -> Array:
        u = _read(form, i, x[:, :, None]).astype(x.dtype)
        u = u.reshape(*u.shape[:2], form.groups, -1)  # One product sums the heads of a group.
        # XLA's CPU backend takes bfloat16 in this order of the operands alone.
        y = jnp.einsum("gcd,brgc->brgd", kernel, u, preferred_element_type=wide)
        return y.reshape(*y.shape[:2], -1).astype(x.dtype)

    return _by_blocks(form, attend, max(x.shape[-1], form.score.macs))


def _read(form: Form, i: Array, of_key: Array) -> Array:
    """Return the weighted sum [B, R, M, d] of what the keys of queries ``i`` hold, ``of_key`` [B, P, H, d]."""
    a, j = form.weights(i)
    wide = jnp.promote_types(of_key.dtype, jnp.float32)
    return weighted(a.swapaxes(1, 2), take(of_key, j).swapaxes(1, 2), wide).swapaxes(1, 2)


def _by_blocks(form: Form, attend: Callable[[Array], Array], width: int) -> Array:
    """Return ``attend`` of all queries, in blocks whose slots hold ``width`` numbers each."""
    number, size = blocks(queries(form), max(GATHERED // (form.batch * form.heads * form.support.slots * width), 1))
    i = jnp.minimum(jnp.arange(number * size), queries(form) - 1).reshape(number, size)
    y = lax.map(jax.checkpoint(attend, prevent_cse=False), i)
    return jnp.moveaxis(y, 0, 1).reshape(y.shape[1], number * size, -1)[:, : queries(form)]


def _sampled_macs(form: Form) -> int:
    weights = queries(form) * form.heads
    inputs = form.value.x.shape[-1]
    return weights * (form.support.slots * (form.score.macs + inputs) + math.prod(form.value.kernel.shape[1:]))


ROWS = (
    Lowering("sampled", sampled, _sampled_macs, value=Projected, when=lambda form: not _everywhere(form)),
    Lowering("gathered", gathered, pair_macs),
)
