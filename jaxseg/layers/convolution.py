"""Convolution over any number of spatial dimensions, with a weight gradient that is fast on a CPU.

XLA's CPU backend computes a weight gradient as one convolution whose "kernel" is the whole gradient image. Beyond
the size of the cache this runs at a quarter of the speed of the forward pass, and with few output channels at a
tenth. ``conv`` has its own rule there; the GPU keeps cuDNN's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

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

    Both are of one type, and so is the result. With a stride the padding falls on the bottom and right first.
    Differentiable in reverse mode, once.
    """
    if x.ndim != kernel.ndim:
        raise ValueError(f"x has {x.ndim - 2} spatial dimensions and the kernel {kernel.ndim - 2}; they must agree.")
    if strides == dilation == 1:
        return _unit_conv(x, kernel)
    return _convolve(x, kernel, strides, dilation)


def _convolve(x: Array, kernel: Array, strides: int = 1, dilation: int = 1) -> Array:
    """Return the convolution as XLA, and its own differentiation, have it."""
    rank = x.ndim - 2
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
def _unit_conv(x: Array, kernel: Array) -> Array:
    """Return the convolution with stride and dilation 1; a 1x1 kernel is a matrix product, also for its gradients."""
    if math.prod(kernel.shape[:-2]) == 1:
        return (x.reshape(-1, x.shape[-1]) @ kernel.reshape(kernel.shape[-2:])).reshape(*x.shape[:-1], -1)
    return _convolve(x, kernel)


def _unit_conv_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _unit_conv(x, kernel), (x, kernel)


def _unit_conv_backward(saved: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = saved
    taps = kernel.shape[:-2]

    def plain(x: Array, gradient: Array) -> Array:
        return jax.vjp(lambda kernel: _unit_conv.fun(x, kernel), kernel)[1](gradient)[0]

    def blocked(x: Array, gradient: Array) -> Array:
        return weight_gradient(x, gradient, taps).astype(kernel.dtype)

    (input_gradient,) = jax.vjp(lambda x: _unit_conv.fun(x, kernel), x)[1](gradient)
    return input_gradient, lax.platform_dependent(x, gradient, cpu=blocked, default=plain)


_unit_conv.defvjp(_unit_conv_forward, _unit_conv_backward)


def weight_gradient(
    x: Float[Array, "batch *spatial inputs"], gradient: Float[Array, "batch *spatial features"], taps: tuple[int, ...]
) -> Float[Array, "*taps inputs features"]:
    """Return dL/dkernel[k, c, f] = sum over b, p of x[b, p + k - padding, c] gradient[b, p, f], in blocks of rows.

    Accumulated, and returned, in float32 at least. Whichever operand has fewer channels slides over the other:
    XLA's matrix kernels want the wide one last, and the wide one is what a block must keep in the cache.
    """
    before = tuple((size - 1) // 2 for size in taps)
    after = tuple(size // 2 for size in taps)
    if x.shape[-1] <= gradient.shape[-1]:
        return _correlate(x, gradient, before, after)
    # p + k - padding = q turns the sum round: the gradient slides over x, its taps reversed.
    turned = _correlate(gradient, x, after, before)
    # Without the barrier XLA would fold the transposition into the products, that is, undo the choice of the order.
    return lax.rev(lax.optimization_barrier(turned), tuple(range(len(taps)))).swapaxes(-1, -2)


def _correlate(narrow: Array, wide: Array, before: tuple[int, ...], after: tuple[int, ...]) -> Array:
    """Return sum over b, p of narrow[b, p + k - before, c] wide[b, p, f], at [k, c, f] for k up to before + after."""
    wanted = jnp.promote_types(narrow.dtype, jnp.float32)
    if not any(before + after):
        flat = (side.reshape(-1, side.shape[-1]) for side in (narrow, wide))
        product = lax.dot_general(*flat, (((0,), (0,)), ((), ())), preferred_element_type=wanted)
        return product.reshape((1,) * len(before) + product.shape)

    rank, (batch, rows) = len(before), wide.shape[:2]
    space = tuple(range(1, rank + 1))
    layout = lax.ConvDimensionNumbers((rank + 1, 0, *space), (rank + 1, 0, *space), (rank, rank + 1, *range(rank)))
    # The batch takes the place of channels here, and XLA's matrix kernels take 1, 2 or 4 of them, not 3.
    images = math.gcd(batch, 4)
    groups = batch // images
    row_bytes = wide[:images, 0].size * wide.dtype.itemsize
    blocks = min(-(-rows * row_bytes // BLOCK), max(1, MOST_BLOCKS // groups))
    step = -(-rows // blocks)

    total = jnp.zeros((), wanted)
    for image in range(0, batch, images):
        for row in range(0, rows, step):
            end = min(row + step, rows)
            low, high = max(row - before[0], 0), min(end + after[0], rows)
            padding = (before[0] - (row - low), after[0] - (high - end))
            total += lax.conv_general_dilated(
                narrow[image : image + images, low:high],
                wide[image : image + images, row:end],
                window_strides=(1,) * rank,
                padding=(padding, *zip(before[1:], after[1:], strict=True)),
                dimension_numbers=layout,
                preferred_element_type=wanted,
            )
    return total


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
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = conv(x, kernel, strides=self.strides, dilation=self.dilation)
        return y if bias is None else y + bias.reshape((1,) * (y.ndim - 1) + (-1,))
