"""Multi-head attention over everywhere: the softmax of dot products, and two forms that are linear in the positions.

All three are dot products of features of the projected queries and keys; they differ in the features and in the norm:

    multi_head             q / sqrt(width), k                                   softmax
    linear_attention       elu(q) + 1, elu(k) + 1                               total
    efficient_attention    softmax over q's channels, softmax over k's keys     plain
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxseg import checks
from jaxseg.attention import norms
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.parts import Output, divide, project
from jaxseg.attention.mechanisms.signatures import accepts, options
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat_mask
from jaxseg.attention.scores import Dot
from jaxseg.attention.supports import Everywhere

Queries = Float[Array, "B N M c"]
Keys = Float[Array, "B P M c"]
Exist = Bool[Array, "B P"] | None
Feature = Callable[[Queries, Keys, Exist], tuple[Queries, Keys]]


def raw(q: Queries, k: Keys, valid: Exist) -> tuple[Queries, Keys]:
    """Return queries and keys as they are."""
    return q, k


def scaled(q: Queries, k: Keys, valid: Exist) -> tuple[Queries, Keys]:
    """Divide the queries, and so the products, by the square root of their width (Vaswani et al. 2017)."""
    return q * q.shape[-1] ** -0.5, k


def positive(q: Queries, k: Keys, valid: Exist) -> tuple[Queries, Keys]:
    """Map both by elu + 1, so that no weight is negative (Katharopoulos et al. 2020)."""

    def phi(a: Array) -> Array:  # elu(a) + 1 itself would round to zero where exp(a) is small.
        return jnp.where(a > 0, a + 1, jnp.exp(jnp.minimum(a, 0)))

    return phi(q), phi(k)


def softened(q: Queries, k: Keys, valid: Exist) -> tuple[Queries, Keys]:
    """Take the softmax of each query over its channels, and of each channel over the keys (Shen et al. 2021)."""
    k = jnp.moveaxis(k, 1, -1)  # [B, M, c, P]
    exist = jnp.ones((1, 1, 1, 1), bool) if valid is None else valid[:, None, None]
    soft_q, soft_k = norms.softmax(q, jnp.ones((1,), bool)), norms.softmax(k, exist)
    return soft_q.astype(q.dtype), jnp.moveaxis(soft_k, -1, 1).astype(k.dtype)


class Heads(Part):
    """The factors of dot products over everywhere, in heads side by side.

    Args:
        features: makes the features that are multiplied from queries [B, N, M, c], keys [B, P, M, c] and the key mask.
        norm: one of ``norms``.
        heads: M; None is the largest divisor of the channels of x that leaves 32 to each, at least 1.
        reduction: how many times narrower than x the queries and keys of all heads are, where ``width`` is None.
        width: channels per head of the queries and keys.
        value_width: channels per head of the values; None is those of x over the heads, at least 1.
        use_bias: whether the projections have biases.

    """

    features: Feature
    norm: Callable[..., Array]
    heads: int | None
    reduction: int
    width: int | None
    value_width: int | None
    use_bias: bool

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return attention at ``x`` as Eq. 1, without what follows it."""
        grid, channels, ok = x.shape[1:-1], x.shape[-1], flat_mask(valid)
        if self.heads and self.width and self.value_width:
            heads = self.heads
        else:
            heads = divide("heads", self.heads, channels, channels // 32)
        width = self.width or max(channels // (heads * self.reduction), 1)
        value_width = self.value_width or max(channels // heads, 1)
        init = nn.initializers.glorot_uniform()
        linear = partial(project, x, heads, use_bias=self.use_bias, dtype=self.dtype, kernel_init=init)
        q, k = self.features(linear(width, "query"), linear(width, "key"), ok)
        v = linear(value_width, "value")
        return Form(Everywhere(grid, grid), Dot(q, k), self.norm, v, ok, groups=heads)


def _projected(
    features: Callable,
    norm: Callable,
    *,
    shortcut: bool = False,
    heads: int | None = None,
    width: int | None = None,
    value_width: int | None = None,
    use_bias: bool = True,
) -> Attention:
    """Return attention by these features and W_O; see ``multi_head`` for the options."""
    checks.at_least_one_if_given(heads=heads, width=width, value_width=value_width)
    factors = Heads(features, norm, heads, 1, width, value_width, use_bias)
    return Attention(factors, Output(use_bias=use_bias), shortcut)


_shared = {name: option for name, option in options(_projected).items() if name not in ("features", "norm", "shortcut")}


@accepts(_shared)
def multi_head(**options: Any) -> Attention:
    """Multi-head attention y = W_O M(x), M(x) the softmax of scaled dot products in heads side by side.

    Omega: everywhere.  A: softmax_j q_i . k_j / sqrt(width).  W: W_O W_V.  Heads: ``heads``.  Level N.
    Vaswani et al. 2017; torch.nn.MultiheadAttention.

    Options:
        heads: M, a divisor of the channels of x where a width is None; None, the default, is the largest that leaves 32
            channels to each, at least 1.
        width: channels per head of the queries and keys; None is those of x over the heads, at least 1.
        value_width: channels per head of the values; None is those of x over the heads, at least 1.
        use_bias: whether all four projections have biases, True by default.

    Raises:
        ValueError: for heads or a width below 1; when called, for heads that do not divide the channels.
    """
    return _projected(scaled, norms.softmax, **options)


@accepts(_shared)
def linear_attention(**options: Any) -> Attention:
    """Linear attention y = W_O L(x); the options are those of ``multi_head``.

    Omega: everywhere.  A: phi(q_i) . phi(k_j) / sum_j phi(q_i) . phi(k_j), phi = elu + 1.  W: W_O W_V.
    Heads: ``heads``.  Level N.  Katharopoulos et al. 2020; idiap/fast-transformers, whose 1e-6 in the divisor is left
    out since the sum is positive.
    """
    return _projected(positive, norms.total, **options)


@accepts(_shared)
def efficient_attention(**options: Any) -> Attention:
    """Efficient attention y = W_O E(x) + x; the options are those of ``multi_head``.

    Omega: everywhere.  A: s(q_i) . t(k)_j, s the softmax over channels, t over the keys.  W: W_O W_V.
    Heads: ``heads``.  Level C: rows sum to 1, yet each channel of the keys is normalised over all positions.
    Shen et al. 2021; cmsflash/efficient-attention.
    """
    return _projected(softened, norms.plain, shortcut=True, **options)
