"""Batch normalisation with the constants of the paper's network."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg.layers.numerics import Numerics
from jaxseg.layers.order import after

EPSILON = 1e-5
MOMENTUM = 0.9
SUBSAMPLE = 8


class BatchNorm(nn.Module):
    """Normalise each channel by its mean and biased variance over batch and space, then scale and shift it.

    Parameters ``scale`` and ``bias``, running statistics ``batch_stats`` ``mean`` and ``var``: float32 vectors of
    one entry per channel. Statistics are computed in float32 (float64 for float64 inputs) whatever the features are.
    Padding is counted like any pixel. TensorFlow keeps a running variance that is Bessel-corrected, N / (N - 1) of the
    biased one; ours, like that of Flax, is biased.

    Args:
        numerics: type of the result, and the mapped axis over which training statistics are taken.
        scale_init: initialiser of the scale.
        momentum: weight of the old running statistics in the new ones: new = momentum * old + (1 - momentum) * batch.

    """

    numerics: Numerics = Numerics()
    scale_init: Callable[..., Array] = nn.initializers.ones_init()
    momentum: float = MOMENTUM

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch *spatial channels"], *, train: bool
    ) -> Float[Array, "batch *spatial channels"]:
        """Normalise by the batch's statistics, updating the running ones, if ``train``; else by the running ones."""
        channels = x.shape[-1]
        mean_state = self.variable("batch_stats", "mean", jnp.zeros, (channels,), jnp.float32)
        var_state = self.variable("batch_stats", "var", jnp.ones, (channels,), jnp.float32)
        scale = self.param("scale", self.scale_init, (channels,), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), (channels,), jnp.float32)
        dtype = self.numerics.dtype
        dtype = jnp.promote_types(x.dtype, jnp.float32) if dtype is None else dtype
        if not train:
            wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
            gain = scale * lax.rsqrt(var_state.value + EPSILON)
            return ((wide - mean_state.value) * gain + bias).astype(dtype)
        axis_name = None if self.is_initializing() else self.numerics.axis_name
        found: Any = normalised(x, scale, bias, axis_name, dtype)
        y, mean, var = found
        if not self.is_initializing():
            keep = self.momentum
            mean_state.value = keep * mean_state.value + (1 - keep) * mean.astype(jnp.float32)
            var_state.value = keep * var_state.value + (1 - keep) * var.astype(jnp.float32)
        return y


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def normalised(
    x: Float[Array, "batch *spatial channels"],
    scale: Float[Array, " channels"],
    bias: Float[Array, " channels"],
    axis_name: str | None,
    dtype: Any,
) -> tuple[Float[Array, "batch *spatial channels"], Float[Array, " channels"], Float[Array, " channels"]]:
    """Return ``x`` normalised by its own statistics, scaled and shifted, in ``dtype``; and its mean and variance.

    Mean and variance are for the running ones and have no gradient. The rule for y's is the closed form, which is less
    to compile than what differentiation makes of it; it is to be asked for inside the mapped axis.

    Args:
        x: features.
        scale: gain of each channel.
        bias: shift of each channel.
        axis_name: as in ``statistics``.
        dtype: of the result.
    """
    return _normalised_forward(x, scale, bias, axis_name, dtype)[0]


def _normalised_forward(x: Array, scale: Array, bias: Array, axis_name: str | None, dtype: Any) -> tuple[Any, Any]:
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    centre, rest, var = statistics(wide, axis_name)
    inverse = lax.rsqrt(var + EPSILON)
    gain = scale * inverse
    y = ((wide - centre) * gain + (bias - rest * gain)).astype(dtype)
    return (y, centre + rest, var), (x, scale, centre, rest, inverse)


def _normalised_backward(axis_name: str | None, dtype: Any, saved: Any, gradients: Any) -> tuple[Array, Array, Array]:
    x, scale, centre, rest, inverse = saved
    x = lax.platform_dependent(x, gradients[0], cpu=after, default=lambda x, _: x)
    wide = x.astype(inverse.dtype)
    gradient, axes = gradients[0].astype(inverse.dtype), tuple(range(x.ndim - 1))
    of_bias = gradient.sum(axes)
    of_scale = inverse * ((gradient * (wide - centre)).sum(axes) - rest * of_bias)
    means = jnp.stack([of_bias, of_scale]) * (x.shape[-1] / x.size)
    if axis_name is not None:
        means = lax.pmean(means, axis_name)
    # gain (g - E[g] - xhat E[g xhat]), with xhat = (x - centre - rest) inverse
    slope = inverse * means[1]
    of_x = scale * inverse * (gradient - (wide - centre) * slope - (means[0] - rest * slope))
    return of_x.astype(x.dtype), of_scale.astype(scale.dtype), of_bias.astype(scale.dtype)


normalised.defvjp(_normalised_forward, _normalised_backward)


def statistics(
    x: Float[Array, "batch *spatial channels"], axis_name: str | None = None
) -> tuple[Float[Array, " channels"], Float[Array, " channels"], Float[Array, " channels"]]:
    """Return ``(centre, rest, var)`` of each channel: its mean is centre + rest, its biased variance ``var``.

    E[x^2] - E[x]^2 loses all digits where the mean is large against the deviation; the same of x - centre does not. The
    centre is the mean of every ``SUBSAMPLE``-th pixel along the first two spatial axes, a part p of all, which lies
    within sqrt(1 / p) deviations of the mean whatever the image is. So x is read once, and ``var`` is right to some
    64 roundings.

    Args:
        x: float32 or float64.
        axis_name: a mapped axis whose shares of the batch, of equal size, are one batch. ``centre`` is this share's.
    """
    axes = tuple(range(x.ndim - 1))
    centre = x[(slice(None), *(slice(None, None, SUBSAMPLE),) * min(x.ndim - 2, 2))].mean(axes)
    centred = x - centre
    rest = centred.mean(axes)
    var = jnp.maximum(jnp.square(centred).mean(axes) - jnp.square(rest), 0)
    if axis_name is None:
        return centre, rest, var
    mean, var = of_all_shares(centre + rest, var, axis_name)
    return centre, mean - centre, var


def of_all_shares(mean: Array, var: Array, axis_name: str) -> tuple[Array, Array]:
    """Return mean and variance of the whole from those of each share; the shares of ``axis_name`` are of equal size."""
    means, variances = jnp.moveaxis(lax.all_gather(jnp.stack([mean, var]), axis_name), 1, 0)
    mean = means.mean(0)
    # The variance within the shares plus that of their means (Chan, Golub, LeVeque, 1979).
    return mean, (variances + jnp.square(means - mean)).mean(0)
