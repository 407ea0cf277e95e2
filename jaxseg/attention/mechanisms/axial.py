"""Axial attention: along one axis, then along the next, each pass with position terms (axial-DeepLab)."""

from __future__ import annotations

from collections.abc import Sequence as Ordered

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.lowerings import aggregate
from jaxseg.attention.lowerings.cells import split
from jaxseg.attention.lowerings.positional import offsets, with_offsets
from jaxseg.attention.mechanisms.parts import divide
from jaxseg.attention.mechanisms.sequence import Sequence
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat, flat_mask
from jaxseg.attention.norms import softmax
from jaxseg.attention.scores import Dot, Relative, Sum
from jaxseg.attention.supports import Tiles
from jaxseg.layers import BatchNorm, Numerics
from jaxseg.layers.normalization import EPSILON, MOMENTUM, of_all_shares

POSITIONS = ("full", "qk", "none")


class Line(Attention):
    """Attention along one axis. Its output takes the form itself, since ``LineOutput`` sums a second kind of value."""

    def finish(self, form: Form, x: Features, *, train: bool) -> Features:
        """Return Eq. 1 and what follows it, without the shortcut."""
        return self.output(form, x, train=train)  # type: ignore[misc]


class LineFactors(Part):
    """The factors of attention along ``axis``. See ``axial`` for the other arguments."""

    axis: int
    span: int
    heads: int | None
    position: str
    logit_norm: bool

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return attention along the axis at ``x`` as Eq. 1, without what follows it."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        if self.axis >= len(grid):
            raise ValueError(f"x has {len(grid)} spatial axes, so axis {self.axis} is none of them; choose other axes.")
        heads = divide("heads", self.heads, channels, 8)
        d = channels // heads
        c = max(d // 2, 1)
        fan_in = nn.initializers.variance_scaling(1.0, "fan_in", "normal")
        h = nn.Dense(heads * (2 * c + d), use_bias=False, dtype=self.dtype, kernel_init=fan_in, name="qkv")(x)
        h = BatchNorm(self.computes, name="qkv_norm")(h, train=train)
        h = flat(h).reshape(x.shape[0], -1, heads, 2 * c + d)
        q, k, v = h[..., :c], h[..., c : 2 * c], h[..., 2 * c :]
        size = tuple(side if axis == self.axis else 1 for axis, side in enumerate(grid))
        support = Tiles(grid, size, (0,) * len(grid))

        def normed(a: Array, name: str, one: Array, other: Array) -> Array:
            gain = LogitGain(self.computes, name=name)(one, other, train=train) if self.logit_norm else jnp.ones(1)
            return a * gain[:, None].astype(a.dtype)

        q_lines, k_lines = (split(a, grid, size, support.shift) for a in (q, k))  # [lines, L, M, c]
        terms = [Dot(normed(q, "dot_norm", q_lines, k_lines), k)]
        if self.position != "none":
            init = nn.initializers.normal(d**-0.5)
            shape = (2 * self.span - 1, c)
            tables = [jnp.asarray(self.param(name, init, shape, jnp.float32)) for name in ("q_table", "k_table")]
            of_q, of_k = (offsets(table, grid[self.axis])[:, :, None] for table in tables)  # [i, j, 1, c]
            q = normed(q, "q_norm", q_lines.swapaxes(0, 1), of_q)
            k = normed(k, "k_norm", k_lines.swapaxes(0, 1), of_k.swapaxes(0, 1))
            of_q, of_k = (table[:, None] for table in tables)
            terms += [Relative(of_q, grid, (self.axis,), q=q), Relative(of_k, grid, (self.axis,), k=k)]
        return Form(support, Sum(tuple(terms)), softmax, v, flat_mask(valid), groups=heads)


class LogitGain(nn.Module):
    """The gain of batch normalisation of logits a . b for each head, without the logits.

    Its shift is the same for all keys of a query and cancels in the softmax: there is no bias and no running mean.
    Padding is counted like any position, as by ``BatchNorm``.

    Args:
        numerics: its ``axis_name`` is the mapped axis over which the moments of the logits are averaged.

    """

    numerics: Numerics = Numerics()

    @nn.compact
    def __call__(self, a: Float[Array, "g n M c"], b: Float[Array, "g m h c"], *, train: bool) -> Float[Array, " M"]:
        """Return scale / sqrt(var) per head, var that of a . b over all pairs of vectors of the same g."""
        heads = a.shape[2]
        scale = self.param("scale", nn.initializers.ones_init(), (heads,), jnp.float32)
        running = self.variable("batch_stats", "var", jnp.ones, (heads,), jnp.float32)
        var = running.value
        if train:
            mean, var = logit_moments(a, b)
            if self.numerics.axis_name is not None and not self.is_initializing():
                _, var = of_all_shares(mean, var, self.numerics.axis_name)
            if not self.is_initializing():
                running.value = MOMENTUM * running.value + (1 - MOMENTUM) * var.astype(jnp.float32)
        return scale * lax.rsqrt(var + EPSILON)


def logit_moments(
    a: Float[Array, "g n M c"], b: Float[Array, "g m h c"]
) -> tuple[Float[Array, " M"], Float[Array, " M"]]:
    """Return mean and variance of a . b over all pairs of vectors of the same g, for each head; h is M or 1.

    No logit is stored. With the means A, B and the covariances S, T of the vectors of one g, the mean there is A . B,
    and the variance <S, T> + A^T T A + B^T S B, a sum that cannot cancel.
    """

    def mean_and_covariance(x: Array) -> tuple[Array, Array]:
        x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        mean = x.mean(1)
        return mean, jnp.einsum("gnmc,gnmd->gmcd", x - mean[:, None], x - mean[:, None]) / x.shape[1]

    (mean_a, of_a), (mean_b, of_b) = mean_and_covariance(a), mean_and_covariance(b)
    within = (
        (of_a * of_b).sum((2, 3))
        + jnp.einsum("gmc,gmcd,gmd->gm", mean_a, of_b, mean_a)
        + jnp.einsum("gmc,gmcd,gmd->gm", mean_b, of_a, mean_b)
    )
    means = (mean_a * mean_b).sum(2)
    return means.mean(0), within.mean(0) + means.var(0)


class LineOutput(Part):
    """What follows attention along a line: BN(sum_j A_ij v_j) + BN(sum_j A_ij r_{j - i}).

    The second sum is there where ``position`` is "full".
    """

    span: int
    position: str

    @nn.compact
    def __call__(self, form: Form, x: Features, *, train: bool) -> Features:
        """Return Eq. 1 of ``form`` and what follows it, on the grid of ``x``."""

        def norm(y: Array, name: str) -> Array:
            return BatchNorm(self.computes, name=name)(y.reshape(*x.shape[:-1], -1), train=train)

        if self.position != "full":
            return norm(aggregate(form), "value_norm")
        d = form.value.shape[-1]
        table = self.param("table", nn.initializers.normal(d**-0.5), (2 * self.span - 1, d), jnp.float32)
        y, z = with_offsets(form, jnp.asarray(table))
        return norm(y, "value_norm") + norm(z, "table_norm")


def axial(
    *,
    axes: Ordered[int] = (0, 1),
    span: int = 128,
    heads: int | None = None,
    position: str = "full",
    logit_norm: bool = True,
) -> Sequence:
    """Axial attention, along the height, then the width: y_i = BN(sum_j A_ij v_j) + BN(sum_j A_ij r_{j - i}) each time.

    Omega: the line of i along one axis.  A: softmax_j of q_i . k_j + q_i . r'_{j - i} + k_j . r''_{j - i}, each of the
    three batch-normalised.  W: W_V.  Heads: ``heads``.  Level N, each pass (C in training, where the logits pass
    through batch statistics).  Wang et al. 2020, "Axial-DeepLab", Eq. 4; code csrhddlam/axial-deeplab, AxialAttention.

    Args:
        axes: the spatial axes, one pass each, in this order; (0, 1, 2) for volumes.
        span: the longest line; the tables r hold offsets of less than it.
        heads: M; None is the largest divisor of the channels up to 8.
        position: "full", "qk" (no r beside the values) or "none".
        logit_norm: whether the three logits are batch-normalised, as in the source's code and not in its Eq. 4.

    Raises:
        ValueError: for a number below 1, a position that does not exist or an axis given twice; when called, for a line
            longer than the span, an axis that x has not, or heads that do not divide the channels.
    """
    checks.at_least_one(span=span)
    checks.at_least_one_if_given(heads=heads)
    checks.one_of("position", position, POSITIONS)
    if not axes or len(set(axes)) < len(axes) or min(axes) < 0:
        raise ValueError(f"axes are {tuple(axes)}; give each axis once, counted from 0.")
    steps = []
    for axis in axes:
        steps.append(Line(LineFactors(axis, span, heads, position, logit_norm), LineOutput(span, position)))
    return Sequence(tuple(steps))
