"""Losses over real pixels, as sums and counts: devices add up to the mean over the whole batch."""

from __future__ import annotations

import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int


def cross_entropy(
    logits: Float[Array, "batch height width classes"],
    labels: Int[Array, "batch height width"],
    valid: Bool[Array, "batch height width"],
) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """Softmax cross entropy (paper, supplement 1) as ``(sum over real pixels, number of real pixels)``, in nats.

    A pixel with ``valid`` False (padding, or outside the image after an affine augmentation) adds nothing to either,
    whatever its logits are; the mean is the quotient, taken after both are summed over all devices.
    """
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    per_pixel = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return jnp.where(valid, per_pixel, 0).sum(), valid.sum()
