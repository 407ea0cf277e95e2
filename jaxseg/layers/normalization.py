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


class BatchNorm(nn.Module):
    """Normalise each channel by its mean and biased variance over batch and space, then scale and shift it.

    Parameters ``scale`` and ``bias``, running statistics ``batch_stats`` ``mean`` and ``var``: float32 vectors of
    one entry per channel. Statistics are computed in float32 (float64 for float64 inputs) whatever the features are.
    Padding is counted like any pixel.

    Args:
        numerics: type of the result, and the mapped axis over which training statistics are averaged.
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
            mean, var = mean_state.value, var_state.value
        else:
            axes = tuple(range(x.ndim - 1))
            moments = jnp.stack([wide.mean(axes), jnp.square(wide).mean(axes)])
            if self.numerics.axis_name is not None and not self.is_initializing():
                moments = lax.pmean(moments, self.numerics.axis_name)
            mean, var = moments[0], jnp.maximum(moments[1] - jnp.square(moments[0]), 0)
            if not self.is_initializing():
                keep = self.momentum
                mean_state.value = keep * mean_state.value + (1 - keep) * mean.astype(jnp.float32)
                var_state.value = keep * var_state.value + (1 - keep) * var.astype(jnp.float32)
        gain = scale * lax.rsqrt(var + EPSILON)
        shape = (1,) * (x.ndim - 1) + (channels,)
        return (wide * gain.reshape(shape) + (bias - mean * gain).reshape(shape)).astype(dtype)
