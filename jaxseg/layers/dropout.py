"""Dropout whose draws do not depend on how many devices share a batch."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers.numerics import Numerics


class Dropout(nn.Module):
    """Set entries to zero with probability ``rate`` in training, and divide the others by 1 - ``rate``.

    The random numbers of a sample come from the stream "dropout" (``apply(..., rngs={"dropout": key})``) and from the
    sample's place in the whole batch, so 8 devices drop what 1 device drops. The devices of ``numerics.axis_name`` hold
    shares of equal size, in order.

    Args:
        rate: probability of an entry to be dropped, 0 <= rate < 1.
        numerics: its ``axis_name`` is the mapped axis that shares the batch.
        whole_channels: whether a channel of a sample is dropped at all its positions or at none.

    Raises:
        ValueError: for a rate outside [0, 1).

    """

    rate: float
    numerics: Numerics = Numerics()
    whole_channels: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a rate outside [0, 1)."""
        checks.fraction("rate", self.rate, "a probability, 0 to below 1")
        super().__post_init__()

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch *spatial channels"], *, train: bool
    ) -> Float[Array, "batch *spatial channels"]:
        """Return ``x`` with entries dropped if ``train``; else ``x``."""
        if not train or self.rate == 0:
            return x
        places = jnp.arange(x.shape[0])
        if self.numerics.axis_name is not None and not self.is_initializing():
            places += x.shape[0] * lax.axis_index(self.numerics.axis_name)
        key = self.make_rng("dropout")
        shape = (*(1 for _ in x.shape[1:-1]), x.shape[-1]) if self.whole_channels else x.shape[1:]

        def kept(place: Array) -> Array:
            return jax.random.bernoulli(jax.random.fold_in(key, place), 1 - self.rate, shape)

        return jnp.where(jax.vmap(kept)(places), x / (1 - self.rate), 0).astype(x.dtype)
