"""Convolutions and pooling as instances of Eq. 1: a tap is a head, its weight the indicator of a position (Eq. 3)."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.parts import Bias
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat, flat_mask
from jaxseg.attention.norms import mean, plain
from jaxseg.attention.scores import Indicator, Taps, Uniform
from jaxseg.attention.supports import Window
from jaxseg.attention.values import Projected, Scaled


class Kernels(Part):
    """The factors of a convolution, ``side`` taps along each axis, that keeps the number of channels."""

    side: int
    dilation: int

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the convolution of ``x`` as Eq. 1."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        size = (self.side,) * len(grid)
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), (*size, channels, channels), jnp.float32)
        x, kernel = promote_dtype(x, kernel, dtype=self.dtype)
        value = Projected(flat(x), kernel.reshape(-1, channels, channels))
        return Form(Window(grid, size, self.dilation), Indicator(), plain, value, flat_mask(valid))


def _convolution(factors: Part, use_bias: bool) -> Attention:
    return Attention(factors, Bias() if use_bias else None)


def conv1x1(*, use_bias: bool = True) -> Attention:
    """Omega: {i}.  A: 1.  W: the kernel.  Heads: 1.  Level S."""
    return _convolution(Kernels(1, 1), use_bias)


def conv3x3(*, use_bias: bool = True) -> Attention:
    """Omega: 3 x 3 window.  A: 1 where j is tap m.  W: slice m of the kernel.  Heads: 9.  Level S.  Eq. 2 and 3."""
    return _convolution(Kernels(3, 1), use_bias)


def dilated_conv(*, dilation: int = 2, use_bias: bool = True) -> Attention:
    """Convolution whose taps lie apart.

    Omega: 3 x 3 window with holes.  A: 1 where j is tap m.  W: slice m of the kernel.  Heads: 9.  Level S.  Yu and
    Koltun 2016, "Multi-Scale Context Aggregation by Dilated Convolutions", Eq. 2.

    Args:
        dilation: step between taps.
        use_bias: whether a bias is added.

    Raises:
        ValueError: for a dilation below 1.
    """
    checks.at_least_one(dilation=dilation)
    return _convolution(Kernels(3, dilation), use_bias)


class Scales(Part):
    """The factors of a depthwise convolution, ``side`` taps along each axis."""

    side: int

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the depthwise convolution of ``x`` as Eq. 1."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        size = (self.side,) * len(grid)
        # Fan in and fan out are the taps alone: each channel is a convolution from one channel to one.
        init = nn.initializers.glorot_uniform(in_axis=(), out_axis=(), batch_axis=-1)
        kernel = self.param("kernel", init, (*size, channels), jnp.float32)
        x, kernel = promote_dtype(x, kernel, dtype=self.dtype)
        value = Scaled(flat(x), kernel.reshape(-1, channels))
        return Form(Window(grid, size), Indicator(), plain, value, flat_mask(valid))


def depthwise_conv(*, size: int = 3, use_bias: bool = True) -> Attention:
    """Convolution of each channel with a kernel of its own.

    Omega: window.  A: 1 where j is tap m.  W: diagonal, slice m of the kernels.  Heads: one per tap.  Level S.  Chollet
    2017, "Xception".

    Args:
        size: taps along each axis.
        use_bias: whether a bias is added.

    Raises:
        ValueError: for a size below 1.
    """
    checks.at_least_one(size=size)
    return _convolution(Scales(size), use_bias)


class Pool(Part):
    """The factors of average pooling. See ``average_pool`` for the arguments."""

    side: int
    count_padding: bool

    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the pooling of ``x`` as Eq. 1."""
        grid = x.shape[1:-1]
        window, value = Window(grid, (self.side,) * len(grid)), flat(x)[:, :, None]
        if self.count_padding:
            share = jnp.full((1, 1, 1, window.slots), 1 / window.slots)
            return Form(window, Taps(share), plain, value, flat_mask(valid))
        return Form(window, Uniform(), mean, value, flat_mask(valid))


def average_pool(*, size: int = 3, count_padding: bool = False) -> Attention:
    """Average of the window around each position, stride 1; the result has the type of x.

    Omega: window.  A: 1 over the number of keys.  W: identity.  Heads: 1.  Level S.

    Args:
        size: side of the window along each axis.
        count_padding: whether keys off the grid and masked ones count as zeros, as in torch; else the mean is over the
            keys that exist.

    Raises:
        ValueError: for a size below 1.
    """
    checks.at_least_one(size=size)
    return Attention(Pool(size, count_padding))
