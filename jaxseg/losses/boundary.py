"""The boundary loss, and the exact distance transform that it weighs probabilities with."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from jaxseg.losses.loss import Combined, Loss, Sums, membership, over_pixels
from jaxseg.losses.overlap import GeneralizedDice

_FAR = 1 << 14  # longer than any column; its square and that of a width fit into int32


@dataclasses.dataclass(frozen=True)
class Boundary(Loss):
    """Boundary loss (Kervadec et al. 2019, eq. 5): the mean over the pixels of the batch of phi(truth) p.

    phi is ``signed_distance``, the mean taken over the foreground classes too. A class that an image lacks, or that
    fills it, has phi = 0 there and gives neither loss nor gradient. It has no smoothing, and is negative where the
    prediction is good.
    """

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        p, truth = (maps[..., 1:] for maps in membership(logits, labels, valid))
        inside = jnp.moveaxis(truth > 0, -1, 0)
        phi = jnp.moveaxis(signed_distance(inside, jnp.broadcast_to(valid, inside.shape)), 0, -1)
        return over_pixels((phi.astype(p.dtype) * p).mean(-1), valid)


def boundary(*, generalized_dice_weight: float = 0.0) -> Loss:
    """The boundary loss, plus a weight times the generalised Dice loss, the pair that its authors train with.

    Their weight of the boundary part rises as training goes on; here weights are constant. Values on an empty truth are
    those of the two parts: 0, and the mean probability of the foreground.
    """
    return Combined({"boundary": (1.0, Boundary()), "generalized_dice": (generalized_dice_weight, GeneralizedDice())})


def signed_distance(
    inside: Bool[Array, "*images height width"], valid: Bool[Array, "*images height width"]
) -> Float[Array, "*images height width"]:
    """Return the distance in pixels to the region ``inside``, and within it that to its outside, less 1, negative.

    0 everywhere where the region is empty or fills all valid pixels, and 0 where not valid. Distances are Euclidean,
    between centres of valid pixels.
    """
    region, rest = inside & valid, ~inside & valid
    both = region.any((-2, -1), keepdims=True) & rest.any((-2, -1), keepdims=True)
    signed = jnp.where(region, 1 - distance(rest), distance(region))
    return jnp.where(both & valid, signed, 0)


def distance(region: Bool[Array, "*images height width"]) -> Float[Array, "*images height width"]:
    """Return the exact Euclidean distance in pixels of every pixel to the nearest one of a region, 0 within it.

    Of an empty region it means nothing. First along columns, then over all columns for each pixel, in integers:
    height * width^2 operations, without a temporary larger than the images.
    """
    width = region.shape[-1]
    column = _along_column(region) ** 2
    places = jnp.arange(width, dtype=jnp.int32)

    def nearer(k: Int[Array, ""], best: Array) -> Array:
        through = lax.dynamic_slice_in_dim(column, k, 1, axis=-1) + (places - k.astype(jnp.int32)) ** 2
        return jnp.minimum(best, through)

    return jnp.sqrt(lax.fori_loop(0, width, nearer, jnp.full_like(column, _FAR**2)).astype(jnp.float32))


def _along_column(region: Bool[Array, "*images height width"]) -> Int[Array, "*images height width"]:
    """Return the distance of every pixel to the nearest one of the region in its column, at most ``_FAR``."""
    rows = jnp.arange(region.shape[-2], dtype=jnp.int32)[:, None]
    axis = region.ndim - 2
    above = lax.cummax(jnp.where(region, rows, -_FAR), axis=axis)
    below = lax.cummin(jnp.where(region, rows, 2 * _FAR), axis=axis, reverse=True)
    return jnp.minimum(jnp.minimum(rows - above, below - rows), _FAR)
