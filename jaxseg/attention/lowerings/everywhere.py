"""Fast forms where every query reads every key."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg.attention.form import Form
from jaxseg.attention.lowerings.online import NORMS, Sums, blocks, finish, fold, over_tiles, start
from jaxseg.attention.lowerings.table import Lowering, making_macs, pair_macs, queries, value_macs, value_shape
from jaxseg.attention.norms import mean, plain, softmax, total
from jaxseg.attention.scores import DotOfMaps, OfKey, Pairwise, Product, Relative
from jaxseg.attention.supports import Everywhere
from jaxseg.attention.values import Affine, masked

# Dot products that are linear in the scores: associate the other way, q_i . (sum_j k_j v_j).


def reassociated(form: Form) -> Array:
    """Sum k v over the keys first: linear in N, and exactly the same (section 2.1's dot product over N)."""
    q, k, v = form.score.q, masked(form.score.k, form.valid), form.values()
    wide = jnp.promote_types(v.dtype, jnp.float32)
    summed = jnp.einsum("bpmc,bpmd->bmcd", k, v, preferred_element_type=wide)
    if form.norm is mean:  # While in float32: in float16 the sum over many keys may overflow.
        keys = existing(form).sum(-1)
        summed = summed / jnp.maximum(keys, 1)[:, None, None, None]
    y = jnp.einsum("bnmc,bmcd->bnmd", q, summed.astype(q.dtype), preferred_element_type=wide)
    if form.norm is total:
        weight = jnp.einsum("bnmc,bmc->bnm", q, k.sum(1, dtype=wide).astype(q.dtype), preferred_element_type=wide)
        y = y / jnp.where(weight == 0, 1, weight)[..., None]
    return form.merge(y).astype(v.dtype)


def _reassociated_macs(form: Form) -> int:
    q, k = jax.eval_shape(lambda score: (score.q, score.k), form.score)
    (_, n, heads, c), (_, keys, key_heads, _) = q.shape, k.shape
    value_heads, d = value_shape(form)
    return (keys * max(key_heads, value_heads) + n * heads) * c * d + making_macs(form)


# The same where queries, keys and values are affine maps of features: none of them is made.


def of_moments(form: Form) -> Array:
    """Sum x_j x_j^T over the keys first: y = x W_q W_k^T (sum_j x_j x_j^T) W_v, each W with its bias, each x with a 1.

    So nothing of the features' length is made but y and the features without their mean over the image, which goes into
    the biases: a large one would take the digits of what differs between positions.
    """
    query, key, value = form.score.query, form.score.key, form.value
    keys, key_mean = _centred(key.x, form.valid)
    values, value_mean = (keys, key_mean) if value.x is key.x else _centred(value.x, form.valid)
    shared = query.x is key.x and form.valid is None
    queries, query_mean = (keys, key_mean) if shared else _centred(query.x, None)
    wide = key_mean.dtype
    second = jnp.einsum("bpc,bpd->bcd", keys, values, preferred_element_type=wide)
    count = jnp.broadcast_to(existing(form).sum(-1), form.batch).astype(wide)[:, None, None]
    moments = jnp.block([
        [second, keys.sum(1, dtype=wide)[:, :, None]],
        [values.sum(1, dtype=wide)[:, None], count],
    ])  # fmt: skip
    if form.norm is mean:  # While in float32: in float16 the sum over many keys may overflow.
        moments = moments / jnp.maximum(count, 1)
    summed = _about(key, key_mean).swapaxes(1, 2) @ moments @ _about(value, value_mean)
    mapped = (_about(query, query_mean) @ summed).astype(queries.dtype)  # [B, C + 1, d]
    return (queries @ mapped[:, :-1] + mapped[:, -1:]).astype(values.dtype)


def _centred(x: Array, valid: Array | None) -> tuple[Float[Array, "B P C"], Float[Array, "B 1 C"]]:
    """Return features without their mean over ``valid``, zero elsewhere, and that mean, in float32 at least."""
    x = masked(x, valid)
    wide = jnp.promote_types(x.dtype, jnp.float32)
    count = x.shape[1] if valid is None else jnp.maximum(valid.sum(1), 1)[:, None, None]
    # The result does not depend on the centre, so no gradient need pass through it.
    centre = lax.stop_gradient((x.sum(1, dtype=wide, keepdims=True) / count).astype(x.dtype))
    return masked(x - centre, valid), centre.astype(wide)


def _about(of: Affine, centre: Float[Array, "B 1 C"]) -> Float[Array, "B inputs d"]:
    """Return the matrix that maps features without their ``centre``, with a 1; its last row is where that maps to."""
    kernel = of.kernel.astype(centre.dtype)
    bias = centre @ kernel + (0 if of.bias is None else of.bias.astype(centre.dtype))
    return jnp.concatenate([jnp.broadcast_to(kernel, (len(centre), *kernel.shape)), bias], axis=1)


def _of_moments_macs(form: Form) -> int:
    query, key, value = form.score.query, form.score.key, form.value
    (_, keys, rows), columns, inputs = key.x.shape, value.x.shape[2], query.x.shape[2]
    c, d = key.width, value.width
    small = c * (rows + 1) * (columns + 1) + c * (columns + 1) * d + (inputs + 1) * c * d
    return keys * rows * columns + queries(form) * inputs * d + small


# Scores of the key alone: all queries read the same.


def shared(form: Form) -> Array:
    """Compute the one result that all queries share."""
    a, _ = form.weights(jnp.zeros(1, int))
    v = form.values()
    y = form.merge(jnp.einsum("brmp,bpmd->brmd", a, v.astype(a.dtype))).astype(v.dtype)
    return jnp.broadcast_to(y, (y.shape[0], queries(form), y.shape[2]))


def _shared_macs(form: Form) -> int:
    return form.support.slots * form.heads * value_shape(form)[1] + value_macs(form)


# The softmax of dot products in half precision on a GPU: cuDNN's fused kernel.

WIDEST = 128  # channels per head that the kernel takes, in steps of 8


def fused(form: Form, implementation: str = "cudnn") -> Array:
    """Call the fused kernel, with the heads zero-padded to a width that it takes.

    A mask array would be N x P. So queries get one more channel of ones, and keys one more of 0, or of a large negative
    number where they are masked: it is added to their scores, and the softmax gives them weight 0.
    """
    v = form.values()
    q, k = (jnp.broadcast_to(a, (form.batch, *a.shape[1:])) for a in (form.score.q, form.score.k))
    if form.valid is not None:
        out = jnp.where(form.valid, 0, -0.5 * float(jnp.finfo(k.dtype).max))[..., None, None]
        q = jnp.concatenate([q, jnp.ones((*q.shape[:-1], 1), q.dtype)], axis=-1)
        k = jnp.concatenate([k, jnp.broadcast_to(out, (*k.shape[:-1], 1)).astype(k.dtype)], axis=-1)
    width, d = _fused_width(form), v.shape[-1]
    q, k, wide_v = (_widen(a, q.shape[2], width) for a in (q, k, v))
    y = jax.nn.dot_product_attention(q, k, wide_v, scale=1.0, implementation=implementation)[..., :d]  # type: ignore[arg-type]
    if form.valid is not None:  # An image without keys gets zeros; the kernel would give it a mean.
        y = jnp.where(form.valid.any(-1)[:, None, None, None], y, 0)
    return form.merge(y).astype(v.dtype)


def _widen(a: Float[Array, "B P H c"], heads: int, width: int) -> Float[Array, "B P M width"]:
    """Return ``a`` with zeros up to ``width`` channels, and shared heads repeated."""
    a = jnp.pad(a, [(0, 0)] * 3 + [(0, width - a.shape[-1])])
    return jnp.broadcast_to(a, (*a.shape[:2], heads, width))


def _fused_width(form: Form) -> int:
    """Return the channels that the kernel sees."""
    widest = max(form.score.q.shape[-1] + (form.valid is not None), value_shape(form)[1])
    return -(-widest // 8) * 8


def _on_gpu(form: Form) -> bool:
    """Say whether the kernel runs here and takes these types and widths."""
    if jax.default_backend() != "gpu":
        return False
    types = {jnp.dtype(a.dtype) for a in (form.score.q, form.score.k, jax.eval_shape(form.values))}
    return types == {jnp.dtype(jnp.bfloat16)} and _fused_width(form) <= WIDEST


# Any pairwise score: tiles of queries x keys, the norm kept online.


def streamed(form: Form) -> Array:
    """Scan over blocks of keys for each block of queries; the backward pass makes the tiles again."""
    v, n, p = form.values(), jnp.arange(queries(form)), jnp.arange(form.support.slots)
    sums = over_tiles(form.score, form.norm, form.score.q, form.score.k, v, existing(form), n, p, form.heads)
    return form.merge(finish(sums)).astype(v.dtype)


# Scores by offset over the whole grid: one product per pair of lines, then skewed from offsets to keys.

LINES = 2**20  # how many logits one step may hold


def by_lines(form: Form) -> Array:
    """Scan over the lines of keys, the last axis of the grid, for blocks of lines of queries.

    Two lines differ by one offset along the other axes, so their logits are one product with a strip of the table;
    shifting each row of it by one more entry turns offsets into keys. No table entry is gathered for a pair.
    """
    score, v = form.score, form.values()
    *lead, width = form.support.queries
    lines, batch, heads = math.prod(lead), v.shape[0], form.heads
    number, height = blocks(lines, max(LINES // (2 * width * width * heads * batch), 1))
    strips, index = _strips(score.table, lead, width)
    there = (score.k, v, jnp.broadcast_to(existing(form)[..., None], (batch, lines * width, 1)))
    there = jax.tree.map(lambda a: jnp.moveaxis(a.reshape(batch, lines, width, *a.shape[2:]), 1, 0), there)

    def attend(block: tuple) -> Array:
        q, line = block

        def step(sums: Sums, key_line: tuple) -> tuple[Sums, None]:
            (k, values, ok), other = key_line
            strip = strips[index(line, other)]  # [R, 2 W - 1, H, c]
            a = _line_logits(q, k, strip)
            a = a.reshape(*a.shape[:2], height * width, width)
            tile = values.swapaxes(1, 2)[:, :, None]
            return fold(form.norm, sums, a, ok[:, None, None, :, 0], tile), None

        wide = jnp.promote_types(v.dtype, jnp.float32)
        empty = start((batch, heads, height * width), v.shape[-1], wide)
        sums, _ = lax.scan(jax.checkpoint(step, prevent_cse=False), empty, (there, jnp.arange(lines)))
        return form.merge(finish(sums).swapaxes(1, 2)).astype(v.dtype)

    line = jnp.minimum(jnp.arange(number * height), lines - 1).reshape(number, height)
    q = jax.tree.map(lambda a: _line_blocks(a, lines, width, number, height), score.q)
    y = lax.map(jax.checkpoint(attend, prevent_cse=False), (q, line))
    return jnp.moveaxis(y, 0, 1).reshape(batch, -1, y.shape[-1])[:, : lines * width]


def _strips(table: Array, lead: list[int], width: int) -> tuple[Array, Callable[[Array, Array], Array]]:
    """Return the table as strips along the last axis, [lines of offsets, 2 W - 1, H, c], and the strip of two lines."""
    span = (table.shape[-3] + 1) // 2
    strips = table[..., span - width : span + width - 1, :, :]
    shape = strips.shape[:-3]
    strips = strips.reshape(-1, *strips.shape[-3:])

    def index(line: Array, other: Array) -> Array:
        flat = jnp.zeros_like(line)
        for here, there, length in zip(
            jnp.unravel_index(line, tuple(lead)), jnp.unravel_index(other, tuple(lead)), shape, strict=True
        ):
            flat = flat * length + there - here + (length + 1) // 2 - 1
        return flat

    return strips, index


def _line_logits(q: Array | None, k: Array | None, strip: Array) -> Array:
    """Return [B, M, R, W, W] of the queries of R lines, [B, R, W, M, c], on the keys of one, [B, W, M, c]."""
    wide = jnp.promote_types(strip.dtype, jnp.float32)
    if k is not None:  # From key y the offset to query x falls as x grows.
        return _skew(jnp.einsum("bymc,rtmc->bmryt", k, strip[:, ::-1], preferred_element_type=wide)).swapaxes(-1, -2)
    if q is not None:
        return _skew(jnp.einsum("brxmc,rtmc->bmrxt", q, strip, preferred_element_type=wide))
    a = strip.sum(-1).transpose(2, 0, 1)[None, :, :, None]
    return _skew(jnp.broadcast_to(a, (*a.shape[:3], (strip.shape[1] + 1) // 2, strip.shape[1])))


def _skew(a: Float[Array, "*b W T"]) -> Float[Array, "*b W W"]:
    """Return b[x, y] = a[x, y - x + W - 1], T = 2 W - 1: in a row-major array each row starts one entry earlier."""
    *shape, width, offsets = a.shape
    a = jnp.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, 1)]).reshape(*shape, -1)
    a = a[..., width - 1 : width - 1 + width * offsets]
    return a.reshape(*shape, width, offsets)[..., :width]


def _line_blocks(a: Array, lines: int, width: int, number: int, height: int) -> Array:
    """Return [number, B, height, W, ...] of [B, N, ...], padded with zeros."""
    a = a.reshape(a.shape[0], lines, width, *a.shape[2:])
    a = jnp.pad(a, [(0, 0), (0, number * height - lines)] + [(0, 0)] * (a.ndim - 2))
    return jnp.moveaxis(a.reshape(a.shape[0], number, height, *a.shape[2:]), 1, 0)


def _on_lines(form: Form) -> bool:
    """Say whether the offsets of all axes count, of queries or of keys, and the table covers the grid."""
    score, grid = form.score, form.support.queries
    reach = all(length >= 2 * side - 1 for length, side in zip(score.table.shape, grid, strict=False))
    whole = score.axes == tuple(range(len(grid))) and form.support.keys == grid
    return whole and reach and (score.q is None or score.k is None)


def existing(form: Form) -> Array:
    """Return which keys exist, bool [1 or B, P]."""
    return jnp.ones((1, math.prod(form.support.keys)), bool) if form.valid is None else form.valid


ROWS = (
    Lowering("moments", of_moments, _of_moments_macs, Everywhere, DotOfMaps, (plain, mean), Affine),
    Lowering("reassociated", reassociated, _reassociated_macs, Everywhere, Product, (plain, mean, total)),
    Lowering("shared", shared, _shared_macs, Everywhere, OfKey),
    Lowering("fused", fused, pair_macs, Everywhere, Product, (softmax,), when=_on_gpu),
    Lowering("lines", by_lines, pair_macs, Everywhere, Relative, NORMS, when=_on_lines),
    Lowering("streamed", streamed, pair_macs, Everywhere, Pairwise, NORMS),
)
