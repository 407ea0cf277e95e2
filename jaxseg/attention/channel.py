"""Channel attention: what matters, beside where; ordinary modules that compose with the mechanisms.

It is no instance of Eq. 1. There a weight A_m(x_i, x_j, D_ij) belongs to a pair of positions and all channels share it:
it says where i looks. Squeeze-and-excitation weighs channel c by a ReLU and a sigmoid of a mean over all positions,

    y_i[c] = sigma(W_1 ReLU(W_0 mean_j x_j))[c] x_i[c].

That is no sum over j of functions of (x_i, x_j, D_ij), for the non-linearities come after the mean; the weight differs
between channels, and is the same for every i. It could be written with C heads, Omega(i) = {i} and a weight made from
the whole image, but then A says nothing about positions. Only without its non-linearities does it fit:
y_i[c] = sum_j (x_i[c] / N) (V x_j)[c] has C heads that look everywhere with A_c = x_i[c] / N, and the rows of V as W.
DANet's channel attention is Eq. 1 with channels in the place of positions: the same operator on another axis.

The layers take ``(x, *, train, valid=None, gate=None)`` as the mechanisms do, x [batch, *spatial, channels] with two or
more spatial axes, and return its shape and type. Padding (``valid`` False) is not pooled. They raise ValueError if x
has no batch axis, or valid is not bool [batch, *spatial].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from jaxseg import checks
from jaxseg.attention.module import Features, Gate, Input, Mask, Unchecked, arrived, flat, flat_mask
from jaxseg.attention.values import masked


def euclidean(x: Float[Array, "B P C"], ok: Bool[Array, "#B P 1"]) -> Float[Array, "B C"]:
    """Return the Euclidean norm; its gradient is zero, not NaN, where the norm is (a channel that a ReLU closed)."""
    total = jnp.square(x).sum(1, where=ok)
    return jnp.where(total > 0, jnp.sqrt(jnp.where(total > 0, total, 1)), 0)


def largest(x: Float[Array, "*x"], axis: int) -> Float[Array, "*y"]:
    """Return the largest entries along ``axis``; the gradient goes to the first of them.

    That of ``jnp.max`` is divided among the entries that equal the result. XLA may compute ``x`` twice, fused with what
    comes before in different ways; then none equals it to the last bit, and the gradient is NaN.
    """
    first = jnp.argmax(lax.stop_gradient(x), axis, keepdims=True)
    places = jnp.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - 1 - axis % x.ndim))
    return jnp.where(places == first, x, 0).sum(axis)


# What a channel is pooled by: functions of x [B, P, C] and of the positions that count, [1 or B, P, 1].
POOLS: dict[str, Callable[[Array, Array], Array]] = {
    "avg": lambda x, ok: x.mean(1, where=ok),
    "max": lambda x, ok: largest(jnp.where(ok, x, -jnp.inf), 1),
    "lp": euclidean,
    "lse": lambda x, ok: nn.logsumexp(x, 1, where=ok),
}


def pooled(x: Features, valid: Mask, pool: str) -> Float[Array, "batch channels"]:
    """Return each channel of ``x`` pooled over the positions that exist, in float32 at least."""
    v, ok = flat(x), flat_mask(valid)
    ok = jnp.ones((1, v.shape[1]), bool) if ok is None else jnp.asarray(ok)
    ok |= ~ok.any(1, keepdims=True)  # An image of nothing but padding is pooled whole: a number, rather than NaN.
    return POOLS[pool](v.astype(jnp.promote_types(v.dtype, jnp.float32)), ok[..., None])


def narrow(channels: int, reduction: int) -> int:
    """Return the width of a bottleneck: channels // reduction, or all channels if they are fewer than the reduction.

    There the papers' formula leaves no channel at all, and a single one would be lost where its ReLU closes.
    """
    return channels // reduction or channels


def over_grid(w: Float[Array, "batch channels"], rank: int) -> Float[Array, "batch *ones channels"]:
    """Return one weight per channel, broadcast over a grid of ``rank`` dimensions."""
    return w.reshape(w.shape[0], *(1,) * rank, w.shape[1])


def check_gate(reduction: int, pools: Sequence[str]) -> None:
    """Raise ValueError for a reduction below 1, for no pool, or for a pool that does not exist."""
    checks.at_least_one(reduction=reduction, pools=len(pools))
    for pool in pools:
        checks.one_of("pool", pool, POOLS)


class ChannelGate(nn.Module):
    """CBAM's channel gate y = sigmoid(sum over pools of W_1 ReLU(W_0 pool(x))) x, one network for all pools.

    Woo et al. 2018, "CBAM", Eq. 2; code Jongchan/attention-module.

    Args:
        reduction: how many times narrower than x the hidden layer is.
        pools: what each channel is pooled by: "avg", "max", "lp" (the Euclidean norm), "lse" (log of the sum of
            exponentials), one or several.
        use_bias: biases of W_0 and W_1.
        dtype: what the network computes in; None keeps float32 at least, as pooling does.

    Raises:
        ValueError: for a pool that does not exist, for none, or a reduction below 1.
    """

    reduction: int = 16
    pools: tuple[str, ...] = ("avg", "max")
    use_bias: bool = True
    dtype: Any = None

    def __post_init__(self) -> None:
        """Raise ValueError for a reduction or pool that cannot be."""
        check_gate(self.reduction, self.pools)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Input, *, train: bool, valid: Unchecked = None, gate: Gate = None) -> Features:
        """Return ``x``, each channel times its weight in (0, 1)."""
        x, valid = arrived(x, valid)
        init = nn.initializers.glorot_uniform()
        dense = partial(nn.Dense, use_bias=self.use_bias, dtype=self.dtype, kernel_init=init)
        s = jnp.stack([pooled(x, valid, pool) for pool in self.pools], 1)
        h = nn.relu(dense(narrow(x.shape[-1], self.reduction), name="reduce")(s))
        w = nn.sigmoid(dense(x.shape[-1], name="expand")(h).sum(1))
        return x * over_grid(w, x.ndim - 2).astype(x.dtype)


class SqueezeExcite(ChannelGate):
    """Squeeze-and-excitation y = sigmoid(W_1 ReLU(W_0 mean(x))) x: the gate by the mean alone.

    Hu et al. 2018, "Squeeze-and-Excitation Networks", Eq. 2-4; code moskomule/senet.pytorch. The arguments are those
    of ``ChannelGate``. There are no biases, as in the paper; the authors' Caffe models have them (``use_bias=True``).
    """

    pools: tuple[str, ...] = ("avg",)
    use_bias: bool = False


# How the two gates of ``SCSE`` meet: the paper adds their results, a code of its authors takes the larger entry.
MEETINGS = {"sum": jnp.add, "max": jnp.maximum}


class SCSE(nn.Module):
    """Concurrent squeeze and excitation y = sigmoid(W_1 ReLU(W_0 mean(x))) x + sigmoid(w . x_i) x: channels and places.

    Roy et al. 2018, "Concurrent Spatial and Channel Squeeze & Excitation"; code ai-med/squeeze_and_excitation@198c8ea,
    and qubvel-org/segmentation_models.pytorch@5006616 (whose reduction is 16), with biases in both. For C channels and
    c = C // reduction 2 C c + c + 2 C + 1 parameters.

    Args:
        reduction: how many times narrower than x the hidden layer is.
        merge: "sum" (the paper) or "max" (ai-med's code).
        dtype: what the gates compute in; None keeps float32 at least.

    Raises:
        ValueError: for a reduction below 1, or a way to merge that does not exist.
    """

    reduction: int = 2
    merge: str = "sum"
    dtype: Any = None

    def __post_init__(self) -> None:
        """Raise ValueError for a reduction or merge that cannot be."""
        checks.at_least_one(reduction=self.reduction)
        checks.one_of("merge", self.merge, MEETINGS)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Input, *, train: bool, valid: Unchecked = None, gate: Gate = None) -> Features:
        """Return ``x`` weighed by channel and ``x`` weighed by place, merged."""
        x, valid = arrived(x, valid)
        channel = SqueezeExcite(self.reduction, use_bias=True, dtype=self.dtype, name="channel")
        init = nn.initializers.glorot_uniform()
        w = nn.sigmoid(nn.Dense(1, dtype=self.dtype, kernel_init=init, name="space")(x))
        return MEETINGS[self.merge](channel(x, train=train, valid=valid), x * w.astype(x.dtype))


class ChannelAttention(nn.Module):
    """DANet's channel attention y[c] = beta sum_d softmax_d(max_e E[c, e] - E[c, d]) x[d] + x[c], E = sum_i x_i x_i^T.

    Fu et al. 2019, "Dual Attention Network", Eq. 3-4; code junfu1115/DANet. The gain beta starts at 0; there is no
    other parameter.

    Args:
        inverted: whether channels that resemble c weigh less, as in the authors' code; their paper has softmax_d of
            E[c, d] itself.
        dtype: what products are computed in; None keeps the type of x. Energies and softmax are in float32 at least.
    """

    inverted: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Input, *, train: bool, valid: Unchecked = None, gate: Gate = None) -> Features:
        """Return ``x`` plus beta times the weighted sum of all its channels, for each channel."""
        x, valid = arrived(x, valid)
        v = flat(masked(x, valid)).astype(self.dtype or x.dtype)
        wide = jnp.promote_types(v.dtype, jnp.float32)
        energy = jnp.einsum("bnc,bnd->bcd", v, v, preferred_element_type=wide)
        # The maximum over e adds the same to all entries of a row, and cancels in the softmax.
        weights = nn.softmax(-energy if self.inverted else energy)
        y = jnp.einsum("bcd,bnd->bnc", weights.astype(v.dtype), v)
        beta = self.param("beta", nn.initializers.zeros_init(), (), jnp.float32)
        return x + (beta * y).astype(x.dtype).reshape(x.shape)
