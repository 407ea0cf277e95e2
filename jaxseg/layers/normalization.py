"""Batch normalisation with the constants of the paper's network."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg.layers.numerics import Numerics

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
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        if not train:
            centre, rest, var = mean_state.value, 0.0, var_state.value
        else:
            axis_name = None if self.is_initializing() else self.numerics.axis_name
            centre, rest, var = statistics(wide, axis_name)
            if not self.is_initializing():
                keep, mean = self.momentum, centre + rest
                mean_state.value = keep * mean_state.value + (1 - keep) * mean.astype(jnp.float32)
                var_state.value = keep * var_state.value + (1 - keep) * var.astype(jnp.float32)
        gain = scale * lax.rsqrt(var + EPSILON)
        return ((wide - centre) * gain + (bias - rest * gain)).astype(dtype)


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
    sample = x[(slice(None), *(slice(None, None, SUBSAMPLE),) * min(x.ndim - 2, 2))]
    centre = lax.stop_gradient(sample.mean(axes))
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
