"""Self-attention: the non-local block (Wang et al. 2018) with its four pairwise functions (paper, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Bool, Float

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.parts import Output
from jaxseg.attention.mechanisms.signatures import accepts, options
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat, flat_mask
from jaxseg.attention.norms import mean, softmax
from jaxseg.attention.scores import Concat, Dot, DotOfMaps
from jaxseg.attention.supports import Everywhere
from jaxseg.attention.values import Affine
from jaxseg.layers import frame

NORMS = {"dot": mean, "gaussian": softmax, "embedded": softmax, "concat": mean}  # by pairwise function
POOLS = ("none", "pre", "post")


class Linear(Part):
    """The weights of a 1x1 convolution beside the features that it maps, so that a fast form may do without its result.

    Args:
        features: output channels.
        use_bias: whether a bias is added.

    """

    features: int
    use_bias: bool

    @nn.compact
    def __call__(self, x: Float[Array, "B P C"]) -> Affine:
        """Return the map of ``x``."""
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), (x.shape[-1], self.features), jnp.float32)
        bias = (
            self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32) if self.use_bias else None
        )
        return Affine(x, kernel, bias)


class NonLocal(Part):
    """The factors of self-attention: Omega(i) = everywhere, values g(x). See ``sa`` for the arguments."""

    pairwise: str
    inner: int | None
    pool: str
    pool_size: int | tuple[int, ...]
    scale: bool
    use_bias: bool

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return self-attention at ``x`` as Eq. 1, without what follows it."""
        x, _ = promote_dtype(x, jnp.zeros((), jnp.float32), dtype=self.dtype)
        inner = self.inner or max(x.shape[-1] // 2, 1)
        queries = keys = flat(x)
        grid, ok = x.shape[1:-1], valid
        if self.pool == "pre":
            source, ok = max_pool(x, valid, self.pool_size)
            grid, keys = source.shape[1:-1], flat(source)
        linear = partial(Linear, inner, self.use_bias, parent=self)
        score: Any = Dot(queries[:, :, None], keys[:, :, None])
        if self.pairwise != "gaussian":
            score = DotOfMaps(linear(name="theta")(queries), linear(name="phi")(keys))
        g = linear(name="g")(keys)
        if self.pairwise == "dot" and self.pool != "post":
            return Form(Everywhere(x.shape[1:-1], grid), score, mean, g, flat_mask(ok))

        q, k, v = score.q, score.k, g.all()
        if self.pool == "post":
            (k, ok), (v, _) = (max_pool(a.reshape(*x.shape[:-1], -1), valid, self.pool_size) for a in (k, v))
            grid, k, v = v.shape[1:-1], flat(k)[:, :, None], flat(v)[:, :, None]
        if self.scale:
            q = q * q.shape[-1] ** -0.5
        score = Dot(q, k)
        if self.pairwise == "concat":
            w_f = self.param("w_f", nn.initializers.glorot_uniform(), (2 * inner, 1), jnp.float32).astype(q.dtype)
            score = Concat(q @ w_f[:inner, 0], k @ w_f[inner:, 0])
        return Form(Everywhere(x.shape[1:-1], grid), score, NORMS[self.pairwise], v, flat_mask(ok))


def sa(
    *,
    pairwise: str = "dot",
    inner: int | None = None,
    pool: str = "none",
    pool_size: int | Sequence[int] = 2,
    scale: bool = False,
    use_bias: bool = True,
    use_bn: bool = True,
    gamma_init: float = 0.0,
) -> Attention:
    """Self-attention y = S(x) + x, S(x)_i = BN(W_z sum_j A(x_i, x_j) g(x_j)); by default the paper's theta . phi / N.

    Omega: everywhere.  A: by ``pairwise``.  W: g, and W_z outside.  Heads: 1.  Level S or N.  Eq. 5.

    Args:
        pairwise: dot (theta . phi / N), gaussian (softmax of x . x), embedded (softmax of theta . phi) or
            concat (ReLU(w_f [theta, phi]) / N). N counts the keys that exist, after pooling.
        inner: width of theta, phi and g; None is half the channels, at least 1.
        pool: max-pool the keys: "none", "pre" (x, before phi and g) or "post" (phi and g). The two orders differ.
        pool_size: window and stride of the pooling, one number or one per axis; a ragged border is dropped.
        scale: divide the logits of the softmax forms by the square root of their width.
        use_bias: whether theta, phi, g and W_z have biases.
        use_bn: whether batch normalisation follows W_z.
        gamma_init: the gain that S starts with; at 0 the block starts as the identity. Without ``use_bn``, 0 starts
            W_z at zero, any other value as Glorot.

    Raises:
        ValueError: for an option that does not exist or fits no pairwise function.
    """
    checks.one_of("pairwise", pairwise, NORMS)
    checks.one_of("pool", pool, POOLS)
    if scale and NORMS[pairwise] is not softmax:
        raise ValueError(f"scale divides the logits of a softmax, and {pairwise!r} has none; use gaussian or embedded.")
    checks.at_least_one_if_given(inner=inner)
    sides = pool_size if isinstance(pool_size, int) else tuple(pool_size)
    factors = NonLocal(pairwise, inner, pool, sides, scale, use_bias)
    return Attention(factors, Output(use_bn, gamma_init, use_bias), shortcut=True)


_shared = {name: option for name, option in options(sa).items() if name != "pairwise"}


@accepts(_shared)
def nonlocal_gaussian(**options: Any) -> Attention:
    """Non-local block.  Omega: everywhere.  A: softmax_j x_i . x_j.  W: W_z g.  Heads: 1.  Level N."""
    return sa(pairwise="gaussian", **options)


@accepts(_shared)
def nonlocal_embedded(**options: Any) -> Attention:
    """Non-local block.  Omega: everywhere.  A: softmax_j theta_i . phi_j.  W: W_z g.  Heads: 1.  Level N."""
    return sa(pairwise="embedded", **options)


@accepts(_shared)
def nonlocal_dot(**options: Any) -> Attention:
    """Non-local block.  Omega: everywhere.  A: theta_i . phi_j / N.  W: W_z g.  Heads: 1.  Level S."""
    return sa(pairwise="dot", **options)


@accepts(_shared)
def nonlocal_concat(**options: Any) -> Attention:
    """Non-local block.  Omega: everywhere.  A: ReLU(w_f [theta_i, phi_j]) / N.  W: W_z g.  Heads: 1.  Level S."""
    return sa(pairwise="concat", **options)


def max_pool(
    x: Features,
    valid: Mask,
    size: int | tuple[int, ...],
) -> tuple[Float[Array, "batch *pooled channels"], Bool[Array, " batch *pooled"] | None]:
    """Return the largest valid entry of each window, and which windows have one; a ragged border is dropped."""
    grid = x.shape[1:-1]
    sizes = (size,) * len(grid) if isinstance(size, int) else size
    if len(sizes) != len(grid):
        raise ValueError(f"pool_size has {len(sizes)} entries and x {len(grid)} spatial dimensions; give one per axis.")
    sizes = [min(side, window) for side, window in zip(grid, sizes, strict=True)]
    if valid is None:
        return _largest(x, sizes), None
    there = jnp.expand_dims(valid, -1)
    ok, x = _largest(there, sizes), _largest(jnp.where(there, x, -jnp.inf), sizes)
    ends = frame.lengths(grid)
    if ends is not None:  # a border that is ragged at the end of its frame
        ok &= frame.first(jnp.maximum(ends // jnp.array(sizes), 1), ok.shape[1:-1])[..., None]
    return jnp.where(ok, x, 0), ok[..., 0]


def _largest(x: Array, sizes: Sequence[int]) -> Array:
    """Return the maximum of each window."""
    cells = [side // window for side, window in zip(x.shape[1:-1], sizes, strict=True)]
    whole = (slice(None), *(slice(n * window) for n, window in zip(cells, sizes, strict=True)))
    split = [side for pair in zip(cells, sizes, strict=True) for side in pair]
    axes = tuple(range(2, 2 + 2 * len(cells), 2))
    return x[whole].reshape(x.shape[0], *split, x.shape[-1]).max(axes)
