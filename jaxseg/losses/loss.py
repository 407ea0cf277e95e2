"""What every loss is: sums over pixels that devices add up, and a value of these sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxseg import checks

Sums = Any  # a tree of float arrays
OVER = ("batch", "image")


class Loss:
    """A loss of logits, as two functions: ``value(statistics(...))``.

    Statistics are sums over pixels or images. Those of parts of a batch add up to those of the batch, so a loss that is
    no mean, such as Dice, has the same value and gradient on any number of devices. A subclass is a frozen dataclass,
    its fields the options, and says what it sums in ``sums``; one that is no mean says in ``value`` what follows.
    """

    @property
    def auxiliary(self) -> Loss:
        """The loss of auxiliary logits: the same, but for what was published with another one."""
        return self

    def statistics(
        self,
        logits: Float[Array, "batch height width classes"],
        labels: Int[Array, "batch height width"],
        valid: Bool[Array, "batch height width"],
    ) -> Sums:
        """Return the sums over the pixels that are ``valid``, in float32 or, for float64 logits, in float64.

        A pixel that is not valid changes nothing, whatever its logits and its label are.

        Args:
            logits: of any float type; class 0 is the background.
            labels: the class of every pixel.
            valid: which pixels count.
        """
        wide = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
        return self.sums(jnp.where(valid[..., None], wide, 0), jnp.where(valid, labels, 0), valid)

    def sums(
        self,
        logits: Float[Array, "batch height width classes"],
        labels: Int[Array, "batch height width"],
        valid: Bool[Array, "batch height width"],
    ) -> Sums:
        """Return what ``statistics`` does, for float32 or float64 logits that are 0, as labels are, where not valid."""
        raise NotImplementedError

    def value(self, sums: Sums) -> Float[Array, ""]:
        """Return the loss that follows from the sums over the whole batch: total / count, 0 where nothing counted."""
        counted = sums["count"] > 0
        return jnp.where(counted, sums["total"] / jnp.where(counted, sums["count"], 1), 0)

    def __call__(
        self,
        logits: Float[Array, "batch height width classes"],
        labels: Int[Array, "batch height width"],
        valid: Bool[Array, "batch height width"] | None = None,
    ) -> Float[Array, ""]:
        """Return the loss of a batch on one device; all pixels count where ``valid`` is None."""
        valid = jnp.ones(labels.shape, bool) if valid is None else valid
        return self.value(self.statistics(logits, labels, valid))


class Combined(Loss):
    """The weighted sum of several losses.

    Args:
        parts: name -> (weight, loss); parts of weight 0 are left out.
    """

    def __init__(self, parts: Mapping[str, tuple[float, Loss]]):
        for name, (weight, _) in parts.items():
            checks.require(weight >= 0, f"the weight of {name}", weight, "0 or more")
        self.parts = {name: part for name, part in parts.items() if part[0]}
        checks.require(bool(self.parts), "the sum of the weights", 0, "more than 0")

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        return {name: loss.sums(logits, labels, valid) for name, (_, loss) in self.parts.items()}

    def value(self, sums: Sums) -> Array:
        return sum((weight * loss.value(sums[name]) for name, (weight, loss) in self.parts.items()), jnp.zeros(()))


def over_pixels(values: Float[Array, "batch height width"], valid: Bool[Array, "batch height width"]) -> Sums:
    """Return the total of values and their count over the valid pixels."""
    return {"total": jnp.where(valid, values, 0).sum(), "count": valid.sum().astype(values.dtype)}


def over_images(values: Float[Array, " batch"], valid: Bool[Array, "batch height width"]) -> Sums:
    """Return the total of values and their count over the images that have a valid pixel."""
    real = valid.any((1, 2))
    return {"total": jnp.where(real, values, 0).sum(), "count": real.sum().astype(values.dtype)}


def membership(
    logits: Float[Array, "batch height width classes"],
    labels: Int[Array, "batch height width"],
    valid: Bool[Array, "batch height width"],
) -> tuple[Float[Array, "batch height width classes"], Float[Array, "batch height width classes"]]:
    """Return the probability of every class, and 1 for the true one and 0 for others; both 0 where not valid."""
    inside = valid[..., None]
    truth = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return jnp.where(inside, jax.nn.softmax(logits), 0), jnp.where(inside, truth, 0)
