"""Convolution over any number of spatial dimensions, with a weight gradient that is fast on a CPU.

XLA's CPU backend computes a weight gradient as one convolution whose "kernel" is the whole gradient image. Where that
outgrows the cache it runs at a quarter of the forward pass's speed, and with few output channels at a tenth. There
``conv`` has a rule of its own, measured by ``benchmarks/layers.py``; a GPU keeps cuDNN's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax
from jaxtyping import Array, Float

from jaxseg.layers import frame
from jaxseg.layers.order import after

BLOCK = 2**20  # bytes of the wide operand in one block of a weight gradient: half of a core's second-level cache
MOST_BLOCKS = 64  # each costs compile time, so a larger image has larger blocks


def conv(
    x: Float[Array, "batch *spatial inputs"],
    kernel: Float[Array, "*taps inputs features"],
    *,
    strides: int = 1,
    dilation: int = 1,
) -> Float[Array, "batch *out features"]:
    """Convolve ``x`` with ``kernel``, zero padded as XLA's ``SAME``: every side of the result is ceil(side / strides).

    Both are of one type, and so is the result. With a stride the padding falls on the bottom and right first. There are
    zeros beyond the ``frame`` of an image too.
    Differentiable in reverse mode.

    Raises:
        ValueError: if the spatial dimensions of ``x`` and ``kernel`` disagree in number.
    """
    if x.ndim != kernel.ndim:
        raise ValueError(f"x has {x.ndim - 2} spatial dimensions and the kernel {kernel.ndim - 2}; they must agree.")
    if strides > 1 or max(kernel.shape[:-2]) > 1:
        x = frame.clear(x, step=strides)
    if strides == dilation == 1:
        return _dense_conv(x, kernel)
    return _xla_conv(x, kernel, strides, dilation)


def _xla_conv(x: Array, kernel: Array, strides: int = 1, dilation: int = 1) -> Array:
    """Return the convolution, with XLA's own gradients; a 1x1 kernel makes it a matrix product, faster on a CPU."""
    rank = x.ndim - 2
    if strides == 1 and math.prod(kernel.shape[:rank]) == 1:
        return (x.reshape(-1, x.shape[-1]) @ kernel.reshape(kernel.shape[rank:])).reshape(*x.shape[:-1], -1)
    space = tuple(range(1, rank + 1))
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(strides,) * rank,
        padding="SAME",
        rhs_dilation=(dilation,) * rank,
        dimension_numbers=lax.ConvDimensionNumbers(
            lhs_spec=(0, rank + 1, *space), rhs_spec=(rank + 1, rank, *range(rank)), out_spec=(0, rank + 1, *space)
        ),
    )


@jax.custom_vjp
def _dense_conv(x: Array, kernel: Array) -> Array:
    """Return the convolution with stride and dilation 1."""
    return _xla_conv(x, kernel)


def _dense_conv_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _xla_conv(x, kernel), (x, kernel)


def _dense_conv_backward(saved: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = saved

    def in_blocks(x: Array, gradient: Array) -> Array:
        return weight_gradient(after(x, gradient), gradient, kernel.shape[:-2]).astype(kernel.dtype)

    def as_xla(x: Array, gradient: Array) -> Array:
        return jax.vjp(lambda kernel: _xla_conv(x, kernel), kernel)[1](gradient)[0]

    (input_gradient,) = jax.vjp(lambda x: _xla_conv(x, kernel), x)[1](gradient)
    return input_gradient, lax.platform_dependent(x, gradient, cpu=in_blocks, default=as_xla)


_dense_conv.defvjp(_dense_conv_forward, _dense_conv_backward)


def weight_gradient(
    x: Float[Array, "batch *spatial inputs"], gradient: Float[Array, "batch *spatial features"], taps: tuple[int, ...]
) -> Float[Array, "*taps inputs features"]:
    """Return dL/dkernel[k, c, f] = sum over b, p of x[b, p + k - before, c] gradient[b, p, f], in blocks of rows.

    ``before`` is the padding of ``SAME``. The result is float32 at least, whatever the operands are.

    The operand with fewer channels slides over the other one: XLA's matrix kernels want the wider one on the right,
    and that is the one which a block keeps in the cache.
    """
    before = tuple((size - 1) // 2 for size in taps)
    after = tuple(size // 2 for size in taps)
    if x.shape[-1] <= gradient.shape[-1]:
        return _correlate(x, gradient, before, after)
    # With q = p + k - before the gradient slides over x instead, its taps in reverse order.
    swapped = _correlate(gradient, x, after, before)
    # Without the barrier XLA folds the transposition into the products, and so undoes the choice of their order.
    reverse = lax.rev(lax.optimization_barrier(swapped), tuple(range(len(taps))))
    return reverse.swapaxes(-1, -2)


def _correlate(narrow: Array, wide: Array, before: tuple[int, ...], after: tuple[int, ...]) -> Array:
    """Return sum over b, p of narrow[b, p + k - before, c] wide[b, p, f], at [k, c, f] for k up to before + after."""
    exact = jnp.promote_types(narrow.dtype, jnp.float32)
    if not any(before + after):
        product = lax.dot_general(
            narrow.reshape(-1, narrow.shape[-1]),
            wide.reshape(-1, wide.shape[-1]),
            (((0,), (0,)), ((), ())),
            preferred_element_type=exact,
        )
        return product.reshape((1,) * len(before) + product.shape)

    rank = len(before)
    space = tuple(range(1, rank + 1))
    layout = lax.ConvDimensionNumbers((rank + 1, 0, *space), (rank + 1, 0, *space), (rank, rank + 1, *range(rank)))
    total = jnp.zeros((), exact)
    for images, start, end in _blocks(wide):
        low, high = max(start - before[0], 0), min(end + after[0], wide.shape[1])
        row_padding = (before[0] - (start - low), after[0] - (high - end))
        total += lax.conv_general_dilated(
            narrow[images, low:high],
            wide[images, start:end],
            window_strides=(1,) * rank,
            padding=(row_padding, *zip(before[1:], after[1:], strict=True)),
            dimension_numbers=layout,
            preferred_element_type=exact,
        )
    return total


def _blocks(wide: Array) -> list[tuple[slice, int, int]]:
    """Return (images, first row, row after the last) of every block that ``wide`` is cut into."""
    batch, rows = wide.shape[:2]
    # The batch stands where channels do in these convolutions, and XLA has matrix kernels for 1, 2 or 4, not for 3.
    group = math.gcd(batch, 4)
    group_bytes = group * math.prod(wide.shape[1:]) * wide.dtype.itemsize
    blocks = min(math.ceil(group_bytes / BLOCK), max(1, MOST_BLOCKS * group // batch))
    step = math.ceil(rows / blocks)
    return [
        (slice(image, image + group), row, min(row + step, rows))
        for image in range(0, batch, group)
        for row in range(0, rows, step)
    ]


class Conv(nn.Module):
    """``conv`` with its parameters: ``kernel`` [*kernel_size, inputs, features] and ``bias`` [features], float32.

    Args:
        features: output channels.
        kernel_size: taps along each spatial dimension; its length is the number of spatial dimensions.
        strides: step between outputs, the same along every dimension.
        dilation: step between taps, the same along every dimension.
        use_bias: whether a bias is added.
        dtype: what to compute in; None keeps the promoted type of input and parameters.
        kernel_init: initialiser of the kernel.
        bias_init: initialiser of the bias.
    """

    features: int
    kernel_size: tuple[int, ...] = (3, 3)
    strides: int = 1
    dilation: int = 1
    use_bias: bool = True
    dtype: jnp.dtype | None = None
    kernel_init: Callable[..., Array] = nn.initializers.glorot_uniform()
    bias_init: Callable[..., Array] = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: Float[Array, "batch *spatial inputs"]) -> Float[Array, "batch *out features"]:
        """Convolve ``x``, in ``dtype``."""
        kernel = self.param("kernel", self.kernel_init, (*self.kernel_size, x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = conv(x, kernel, strides=self.strides, dilation=self.dilation)
        return y if bias is None else y + bias.reshape((1,) * (y.ndim - 1) + (-1,))
