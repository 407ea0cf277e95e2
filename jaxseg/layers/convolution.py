"""Convolution over any number of spatial dimensions."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def conv(
    x: Float[Array, "batch *spatial inputs"],
    kernel: Float[Array, "*taps inputs features"],
    *,
    strides: int = 1,
    dilation: int = 1,
) -> Float[Array, "batch *spatial_out features"]:
    """Convolve ``x`` with ``kernel``, zero padded as XLA's ``SAME``: every side of the result is ceil(side / strides).

    Both have one type, which the result has too. With a stride the padding falls on the bottom and right first.
    """
    rank = kernel.ndim - 2
    if x.ndim != kernel.ndim:
        raise ValueError(f"x has {x.ndim - 2} spatial dimensions and the kernel {rank}; they must agree.")
    spatial = "DHW"[-rank:] if rank <= 3 else "".join(str(axis) for axis in range(rank))
    layout = f"N{spatial}C"
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(strides,) * rank,
        padding="SAME",
        rhs_dilation=(dilation,) * rank,
        dimension_numbers=(layout, f"{spatial}IO", layout),
    )


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
    def __call__(self, x: Float[Array, "batch *spatial inputs"]) -> Float[Array, "batch *spatial_out features"]:
        """Convolve ``x``, in ``dtype``."""
        kernel = self.param("kernel", self.kernel_init, (*self.kernel_size, x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32) if self.use_bias else None
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = conv(x, kernel, strides=self.strides, dilation=self.dilation)
        return y if bias is None else y + bias.reshape((1,) * (y.ndim - 1) + (-1,))
