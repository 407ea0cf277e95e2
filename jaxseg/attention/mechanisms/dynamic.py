"""Dynamic kernels: the taps of a convolution are made at each position, and shared by the channels of a head."""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.parts import Output, divide, in_heads
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat, flat_mask
from jaxseg.attention.norms import plain, softmax
from jaxseg.attention.scores import Taps
from jaxseg.attention.supports import Window
from jaxseg.layers import BatchNorm


class KernelNetwork(Part):
    """The factors of involution. See ``involution`` for the arguments."""

    size: int
    groups: int | None
    reduction: int
    dilation: int

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return involution at ``x`` as Eq. 1."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        groups = divide("groups", self.groups, channels, channels // 16)
        window = Window(grid, (self.size,) * len(grid), self.dilation)
        dense = partial(nn.Dense, dtype=self.dtype, kernel_init=nn.initializers.glorot_uniform())
        h = dense(max(channels // self.reduction, 1), use_bias=False, name="reduce")(x)
        h = nn.relu(BatchNorm(self.computes, name="norm")(h, train=train))
        w = flat(dense(groups * window.slots, name="span")(h))
        x, w = promote_dtype(x, w, dtype=self.dtype)
        return Form(window, Taps(in_heads(w, groups)), plain, in_heads(x, groups), flat_mask(valid), groups=groups)


def involution(
    *,
    size: int = 7,
    groups: int | None = None,
    reduction: int = 4,
    dilation: int = 1,
) -> Attention:
    """Involution: a position makes its own kernel, span(ReLU(BN(reduce x_i))), one for all channels of a group.

    Omega: window.  A: entry D of the kernel of i, no softmax.  W: selects the channels of group m.  Heads: groups.
    Level S (C in training, where the kernel passes through batch statistics).  Li et al. 2021, "Involution", Eq. 4-6;
    code d-li14/involution.

    Args:
        size: taps along each axis.
        groups: kernels per position; None is the most that leave at least 16 channels, as in the source, to each.
        reduction: how many times narrower than x the hidden layer is, of 1 channel at least.
        dilation: step between taps.

    Raises:
        ValueError: for a number below 1; when called, for groups that do not divide the channels.
    """
    checks.at_least_one(size=size, reduction=reduction, dilation=dilation)
    checks.at_least_one_if_given(groups=groups)
    return Attention(KernelNetwork(size, groups, reduction, dilation))


class Kernel(Part):
    """The factors of dynamic convolution. See ``dynamic_conv`` for the arguments."""

    size: int
    heads: int | None
    dynamic: bool
    glu: bool
    renormalise: bool

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
            w = in_heads(dense(heads * window.slots, use_bias=False, name="taps")(v), heads)
        else:
            w = jnp.asarray(self.param("taps", init, (heads, window.slots), jnp.float32))[None, None]
        if self.renormalise:
            score, norm = Taps(w), softmax
        else:
            score, norm = Taps(softmax(w, jnp.ones((1,), bool))), plain
        return Form(window, score, norm, in_heads(v, heads), flat_mask(valid), groups=heads)


def dynamic_conv(
    *,
    size: int = 3,
    heads: int | None = None,
    dynamic: bool = True,
    glu: bool = True,
    renormalise: bool = False,
) -> Attention:
    """Dynamic convolution y = W_O sum_D softmax_D(taps v_i)_D v_{i + D}, v = GLU(W_V x), one kernel per head.

    Omega: window.  A: softmax over the taps of their logits at i.  W: selects the channels of head m.  Heads:
    ``heads``, W_O outside.  Level S; N with ``renormalise``.  Wu et al. 2019, "Pay Less Attention with Lightweight and
    Dynamic Convolutions", Eq. 3-7, their window along a line here a square or cube; code facebookresearch/fairseq.

    Args:
        size: taps along each axis.
        heads: kernels per position; None is the largest divisor of the channels up to 8.
        dynamic: whether the kernels depend on the position; else they are parameters (lightweight convolution).
        glu: whether a gated linear unit makes the values, else a linear map.
        renormalise: whether the softmax leaves out taps that lie off the grid or on masked keys; else, as in the
            source, it runs over all taps, and those read zeros.

    Raises:
        ValueError: for a number below 1; when called, for heads that do not divide the channels.
    """
    checks.at_least_one(size=size)
    checks.at_least_one_if_given(heads=heads)
    return Attention(Kernel(size, heads, dynamic, glu, renormalise), Output())
