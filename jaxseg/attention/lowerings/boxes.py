"""Fast forms where every query reads a small box of keys: each slot in turn, for all queries at once."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Shaped

from jaxseg.attention.form import Form
from jaxseg.attention.lowerings.table import Lowering, pair_macs, queries, value_macs
from jaxseg.attention.norms import plain
from jaxseg.attention.scores import Indicator, Pairwise, Taps
from jaxseg.attention.supports import Box, Itself, Window
from jaxseg.attention.values import Projected, Scaled, masked
from jaxseg.layers import conv

# Position indicator over a window: one convolution (Eq. 2 and 3).


def convolution(form: Form) -> Array:
    """Convolve x with the heads' kernels as taps; with a gain (Eq. 4), scale the result."""
    x, kernel = masked(form.value.x, form.valid), form.value.kernel
    slots, (_, inputs, width) = form.support.slots, kernel.shape
    taps = jnp.broadcast_to(kernel, (max(slots, len(kernel)), inputs, width)).reshape(-1, slots, inputs, width)
    taps = jnp.moveaxis(taps, 0, 2).reshape(*form.support.size, inputs, -1)
    grid = x.reshape(x.shape[0], *form.support.queries, inputs)
    y = conv(grid, taps.astype(x.dtype), dilation=form.support.dilation)
    y = y.reshape(*x.shape[:2], -1, width)
    if form.score.gain is not None:
        y = form.score.gain[..., None] * y
    return y.reshape(*x.shape[:2], -1)


def _is_convolution(form: Form) -> bool:
    """Say whether each group of heads is one window of taps, with a kernel per tap or one for all."""
    return form.heads == form.groups * form.support.slots and len(form.value.kernel) in (
        1,
        form.support.slots,
        form.heads,
    )


def _convolution_macs(form: Form) -> int:
    kernel = form.value.kernel
    return queries(form) * max(form.support.slots, len(kernel)) * math.prod(kernel.shape[1:])


# The same with a diagonal in place of each matrix: a depthwise convolution.


def depthwise(form: Form) -> Array:
    """Add up the scaled and shifted x, tap by tap: the gradients of XLA's grouped convolution are slow on a CPU."""
    scale = jnp.broadcast_to(form.value.scale, (form.support.slots, form.value.width))
    x = masked(form.value.x, form.valid)
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return over_slots(form, x, lambda x, tap: (x * tap).astype(wide), scale).astype(x.dtype)


def _is_depthwise(form: Form) -> bool:
    return form.score.gain is None and form.groups == 1 and len(form.value.scale) in (1, form.support.slots)


# Taps over the query itself: a gate, one product.


def product(form: Form) -> Array:
    """Multiply each value by its weight."""
    w, v = masked(form.score.w, form.valid), form.values()
    return form.merge(w.astype(v.dtype) * v)


# Any taps, and any pairwise score over a box of few slots: in a wide one, the weights would outgrow the features.

WIDEST = 256  # slots


def tapped(form: Form) -> Array:
    """Add up the values, each times its tap, slot by slot."""
    return _weigh(form, form.score.w)


def shifted(form: Form) -> Array:
    """Score slot by slot, K numbers per query; then add up the values, each times its weight, slot by slot."""
    i, q = jnp.arange(queries(form)), jax.tree.map(lambda a: a.swapaxes(1, 2), form.score.q)

    def step(_: None, slot: Array) -> tuple[None, Array]:
        k = jax.tree.map(lambda a: look(form, a, slot).swapaxes(1, 2)[:, :, :, None], form.score.k)
        j = look(form, i[None, :, None], slot)[:, None]  # [1, 1, N, 1]
        a = form.score.pair(q, k, i, j)
        return None, jnp.broadcast_to(a, (form.batch, a.shape[1], len(i), 1))[..., 0]

    _, a = lax.scan(jax.checkpoint(step, prevent_cse=False), None, jnp.arange(form.support.slots))
    return _weigh(form, a.transpose(1, 3, 2, 0))


def _weigh(form: Form, a: Array) -> Array:
    """Return Eq. 1 for scores [B, N, M, K] of the slots."""
    a = form.norm(a, _exists(form))
    v, n = form.values(), queries(form)
    wide = jnp.promote_types(v.dtype, jnp.float32)
    a = jnp.moveaxis(jnp.broadcast_to(a, (a.shape[0], n, *a.shape[2:])).astype(v.dtype), -1, 0)
    y = over_slots(form, v, lambda v, tap: (tap[..., None] * v).astype(wide), a)
    return form.merge(y).astype(v.dtype)


def _exists(form: Form) -> Array:
    """Return which slots hold a key, bool [1 or B, N, 1, K]."""
    _, ok = form.support.at(jnp.arange(queries(form)))
    if form.valid is None:
        return ok
    _, valid = lax.scan(
        lambda _, slot: (None, look(form, form.valid[..., None], slot)), None, jnp.arange(form.support.slots)
    )
    return ok & jnp.moveaxis(valid, 0, -1)


def over_slots(form: Form, a: Shaped[Array, "B P ..."], weigh: Any, taps: Array) -> Array:
    """Return the sum over slots of ``weigh(what all queries see of a, taps[slot])``, zero off the grid."""
    where = [jnp.asarray(form.support.exists(axis)) for axis in range(len(form.support.queries))]

    def step(y: Array, tap: tuple[Array, Array]) -> tuple[Array, None]:
        slot, weight = tap
        ok = jnp.ones((1,), bool)
        for axis, at in enumerate(jnp.unravel_index(slot, form.support.size)):
            ok = (ok[:, None] & where[axis][:, at]).reshape(-1)
        seen = look(form, a, slot)
        seen = jnp.where(ok.reshape(1, -1, *(1 for _ in seen.shape[2:])), seen, 0)
        return y + weigh(seen, weight), None

    shape = jax.eval_shape(weigh, a, taps[0])
    y = jnp.zeros(shape.shape, shape.dtype)
    return lax.scan(jax.checkpoint(step, prevent_cse=False), y, (jnp.arange(form.support.slots), taps))[0]


def look(form: Form, a: Shaped[Array, "*a"], slot: Any) -> Shaped[Array, "*b"]:
    """Return what each query sees at ``slot``, [B, N, ...] of [B, P, ...]; off the grid, anything."""
    grid = form.support.queries
    seen = a.reshape(a.shape[0], *grid, *a.shape[2:])
    for axis, at in enumerate(jnp.unravel_index(slot, form.support.size)):
        seen = form.support.look(seen, axis, at, 1)
    return seen.reshape(-1, *a.shape[1:])


ROWS = (
    Lowering("convolution", convolution, _convolution_macs, Window, Indicator, (plain,), Projected, _is_convolution),
    Lowering("depthwise", depthwise, value_macs, Window, Indicator, (plain,), Scaled, _is_depthwise),
    Lowering("product", product, pair_macs, Itself, Taps, (plain,)),
    Lowering("tapped", tapped, pair_macs, Box, Taps),
    Lowering("shifted", shifted, pair_macs, Box, Pairwise, when=lambda form: form.support.slots <= WIDEST),
)
