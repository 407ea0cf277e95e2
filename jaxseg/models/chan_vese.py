"""Convexified Chan-Vese as unrolled split-Bregman steps: a contour that moves by an image and by learned weights.

The steps are those of moliqingcha/DACN, ccv.py (Zhang et al. 2020), where b's and d's divergence is a backward
difference as their gradient is; textbooks pair a forward one with it (Goldstein, Bresson, Osher 2010).
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from jaxseg.layers import frame, moved

MEANS = ("image", "batch")
Map = Float[Array, "batch height width"]


def contour(
    u: Map,
    image: Map,
    mu: Map,
    weight: Map,
    *,
    valid: Bool[Array, "batch height width"] | None = None,
    iterations: int = 2,
    epsilon: float = 1e-8,
    means: str = "image",
    axis_name: str | None = None,
) -> Map:
    """Return the membership u of every pixel, in [0, 1], after ``iterations`` steps.

    A step has u move with r = (I - C1)^2 - (I - C2)^2, and d and b follow it:

        u = clip((sum of u's four neighbours + div(b - d) - mu / (weight + epsilon) r) / 4, 0, 1)
        d = shrink(grad u + b, 1 / (weight + epsilon))
        b = b + grad u - d

    C1 and C2 are then the means of I where u >= 1/2 and elsewhere; at first they are 1 and 0. There are zeros beyond
    the border, and beyond each image's ``frame``.

    Args:
        u: membership to start from.
        image: I.
        mu: weight of the image, 0 or more.
        weight: lambda, 0 or more.
        valid: which pixels C1 and C2 are means of; None: all.
        iterations: number of steps.
        epsilon: added to ``weight``, and to the number of pixels that a mean is of. The published 1e-8 lets u jump to 0
            or 1, where it has no gradient, wherever ``weight`` is 0.
        means: whether C1 and C2 belong to each "image" or, as published, to the whole "batch", so that an image's u
            depends on those beside it.
        axis_name: the mapped axis that shares the batch, where the means are the batch's.
    """
    ratio, threshold = mu / (weight + epsilon), 1 / (weight + epsilon)
    real = jnp.ones_like(u, bool) if valid is None else valid
    dx = dy = bx = by = jnp.zeros_like(u)
    inside, outside = jnp.ones((), u.dtype), jnp.zeros((), u.dtype)
    for _ in range(iterations):
        r = jnp.square(image - inside) - jnp.square(image - outside)
        flow = _back(_cleared(bx - dx), 1) + _back(_cleared(by - dy), 2)
        u = _cleared(u)
        around = sum(moved(u, axis, places) for axis in (1, 2) for places in (1, -1))
        u = (around + flow - ratio * r) / 4
        u = jnp.where(u > 1, 1, jnp.where(u < 0, 0, u))
        gx, gy = (_back(_cleared(u), axis) for axis in (1, 2))
        dx, dy = _shrunk(gx + bx, threshold), _shrunk(gy + by, threshold)
        bx, by = bx + gx - dx, by + gy - dy
        inside, outside = (_mean(image, region & real, epsilon, means, axis_name) for region in (u >= 0.5, u < 0.5))
    return u


def _cleared(x: Map) -> Map:
    return frame.clear(x[..., None])[..., 0]


def _back(x: Map, axis: int) -> Map:
    """Return the backward difference."""
    return x - moved(x, axis, 1)


def _shrunk(x: Map, threshold: Map) -> Map:
    """Return x brought nearer to 0 by the threshold, as far as 0."""
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, 0)


def _mean(image: Map, region: Array, epsilon: float, means: str, axis_name: str | None) -> Array:
    """Return the mean of the image over a region: of each image [batch, 1, 1], or of all, a scalar."""
    axes = (1, 2) if means == "image" else None
    total, count = jnp.where(region, image, 0).sum(axes), region.sum(axes).astype(image.dtype)
    if means == "batch" and axis_name is not None:
        total, count = lax.psum((total, count), axis_name)
    mean = total / (count + epsilon)
    return mean[:, None, None] if means == "image" else mean
