"""Dynamic kernels: the taps of a convolution are made at each position, and shared by the channels of a head."""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Float

from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.attention import Attention, Features, Gate, Mask, flat, flat_mask
from jaxseg.attention.mechanisms.self_attention import Output
from jaxseg.attention.norms import plain, softmax
from jaxseg.attention.options import at_least_one, divide
from jaxseg.attention.scores import Taps
from jaxseg.attention.supports import Window
from jaxseg.layers import BatchNorm


class KernelNetwork(nn.Module):
    """The factors of involution. See ``involution`` for the arguments."""

    size: int
    groups: int | None
    reduction: int
    dilation: int
    dtype: Any
    axis_name: str | None

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return involution at ``x`` as Eq. 1."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        groups = divide("groups", self.groups, channels, channels // 16)
        window = Window(grid, (self.size,) * len(grid), self.dilation)
        dense = partial(nn.Dense, dtype=self.dtype, kernel_init=nn.initializers.glorot_uniform())
        h = dense(max(channels // self.reduction, 1), use_bias=False, name="reduce")(x)
        h = nn.relu(BatchNorm(dtype=self.dtype, axis_name=self.axis_name, name="norm")(h, train=train))
        w = flat(dense(groups * window.slots, name="span")(h))
        value = _heads(promote_dtype(x, dtype=self.dtype)[0], groups)
        return Form(window, Taps(_heads(w, groups)), plain, value, flat_mask(valid), groups=groups)


def involution(
    *,
    size: int = 7,
    groups: int | None = None,
    reduction: int = 4,
    dilation: int = 1,
    dtype: Any = None,
    axis_name: str | None = None,
) -> Attention:
    """Involution: a position makes its own kernel, span(ReLU(BN(reduce x_i))), one for all channels of a group.

    Omega: window.  A: entry D of the kernel of i, no softmax.  W: selects the channels of group m.  Heads: groups.
    Level S (C in training, where the kernel passes through batch statistics).  Li et al. 2021, "Involution", Eq. 4-6;
    code d-li14/involution.

    Args:
        size: taps along each axis.
        groups: kernels a position; None is the most that leave at least 16 channels, as in the source, to each.
        reduction: channels of x over those of the hidden layer, which has at least 1.
        dilation: step between taps.
        dtype: what to compute in; None is the common type of x and the parameters.
        axis_name: mapped axis over which batch statistics are averaged.

    Raises:
        ValueError: for a number below 1; when called, for groups that do not divide the channels.
    """
    at_least_one(size=size, groups=groups, reduction=reduction, dilation=dilation)
    return Attention(KernelNetwork(size, groups, reduction, dilation, dtype, axis_name, parent=None), parent=None)


class Kernel(nn.Module):
    """The factors of dynamic convolution. See ``dynamic_conv`` for the arguments."""

    size: int
    heads: int | None
    dynamic: bool
    glu: bool
    renormalise: bool
    dtype: Any

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return dynamic convolution at ``x`` as Eq. 1, without what follows it."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        heads = divide("heads", self.heads, channels, 8)
        window = Window(grid, (self.size,) * len(grid))
        init = nn.initializers.glorot_uniform()
        dense = partial(nn.Dense, dtype=self.dtype, kernel_init=init)
        v = dense(channels * (1 + self.glu), name="value")(x)
        v = flat(nn.glu(v) if self.glu else v)
        if self.dynamic:
            w = _heads(dense(heads * window.slots, use_bias=False, name="taps")(v), heads)
        else:
            w = jnp.asarray(self.param("taps", init, (heads, window.slots), jnp.float32))[None, None]
        if self.renormalise:
            score, norm = Taps(w), softmax
        else:
            score, norm = Taps(softmax(w, jnp.ones((1,), bool))), plain
        return Form(window, score, norm, _heads(v, heads), flat_mask(valid), groups=heads)


def dynamic_conv(
    *,
    size: int = 3,
    heads: int | None = None,
    dynamic: bool = True,
    glu: bool = True,
    renormalise: bool = False,
    dtype: Any = None,
    axis_name: str | None = None,
) -> Attention:
    """Dynamic convolution y = W_O sum_D softmax_D(taps v_i)_D v_{i + D}, v = GLU(W_V x), one kernel a head.

    Omega: window.  A: softmax over the taps of their logits at i.  W: selects the channels of head m.  Heads:
    ``heads``, W_O outside.  Level S; N with ``renormalise``.  Wu et al. 2019, "Pay Less Attention with Lightweight and
    Dynamic Convolutions", Eq. 3-7, their window along a line here a square or cube; code facebookresearch/fairseq.

    Args:
        size: taps along each axis.
        heads: kernels a position; None is the largest divisor of the channels up to 8.
        dynamic: whether the kernels depend on the position; else they are parameters (lightweight convolution).
        glu: whether a gated linear unit makes the values, else a linear map.
        renormalise: whether the softmax leaves out taps off the grid and on masked keys; else, as in the source, it
            runs over all taps and those read zeros.
        dtype: what to compute in; None is the common type of x and the parameters.
        axis_name: mapped axis over which batch statistics are averaged; there are none here.

    Raises:
        ValueError: for a number below 1; when called, for heads that do not divide the channels.
    """
    at_least_one(size=size, heads=heads)
    factors = Kernel(size, heads, dynamic, glu, renormalise, dtype, parent=None)
    return Attention(factors, Output(False, 1.0, True, dtype, axis_name, parent=None), parent=None)


def _heads(a: Float[Array, "batch *N channels"], heads: int) -> Float[Array, "batch positions heads width"]:
    """Return the channels in heads, head by head."""
    return a.reshape(a.shape[0], -1, heads, a.shape[-1] // heads)
