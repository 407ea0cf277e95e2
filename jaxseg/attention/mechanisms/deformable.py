"""Deformable convolution: each tap reads the features at a place that the query moved, between the positions."""

from __future__ import annotations

import math
from functools import partial
from itertools import product

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Bool, Float, Int

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.parts import Bias, divide
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat, flat_mask
from jaxseg.attention.norms import plain
from jaxseg.attention.scores import Taps
from jaxseg.attention.supports import Grid, Points
from jaxseg.attention.values import Projected, masked
from jaxseg.layers import Conv


class Sampled(Part):
    """The factors of deformable convolution. See ``deformable_conv`` for the arguments."""

    size: int
    dilation: int
    groups: int
    modulated: bool

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return deformable convolution at ``x`` as Eq. 1."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        divide("groups", self.groups, channels, 1)
        size, dims = (self.size,) * len(grid), len(grid)
        taps = math.prod(size)
        heads = self.groups * taps

        # Padding reads as the zeros that SAME would put there, so the offsets do not depend on the frame.
        h = masked(x, valid)
        zeros = nn.initializers.zeros_init()
        conv = partial(Conv, kernel_size=size, dilation=self.dilation, dtype=self.dtype, kernel_init=zeros)
        # Places are float32 at least: above 256, bfloat16 has only even numbers.
        wide = jnp.promote_types(x.dtype, jnp.float32)
        offset = flat(conv(heads * dims, name="offset")(h)).astype(wide).reshape(x.shape[0], -1, heads, dims)
        rest = np.indices(grid).reshape(dims, -1).T[:, None] + np.tile(steps(size, self.dilation), (self.groups, 1))
        j, ok, w = corners(jnp.asarray(rest, wide) + offset, grid)
        if self.modulated:
            w = w * nn.sigmoid(flat(conv(heads, name="modulation")(h)).astype(wide))[..., None]

        kernel = self.param("kernel", nn.initializers.glorot_uniform(), (*size, channels, channels), jnp.float32)
        x, kernel = promote_dtype(x, kernel, dtype=self.dtype)
        # The heads of a group read its channels alone.
        own = jnp.repeat(jnp.eye(self.groups, dtype=kernel.dtype), channels // self.groups, axis=1)
        kernel = (own[:, None, :, None] * kernel.reshape(taps, channels, channels)).reshape(heads, channels, channels)
        return Form(Points(grid, grid, j, ok), Taps(w), plain, Projected(flat(x), kernel), flat_mask(valid))


def deformable_conv(
    *,
    size: int = 3,
    dilation: int = 1,
    groups: int = 1,
    modulated: bool = True,
    use_bias: bool = True,
) -> Attention:
    """Deformable convolution: tap m of query i reads x, interpolated, at i + k_m + o_m(i); zero off the grid.

    Omega: the 2^axes positions around i + k_m + o_m(i), other ones for each head.  A: their (bi-, tri-)linear weights,
    times sigmoid(mask_m(i)) if ``modulated``.  W: slice m of the kernel.  Heads: taps x groups.  Level C: offsets and
    mask are convolutions of x.  Dai et al. 2017, "Deformable Convolutional Networks", Eq. 2-4; Zhu et al. 2019,
    "Deformable ConvNets v2", Eq. 1; torchvision.ops.deform_conv2d.

    Offsets and mask start at zero, so that it starts as a convolution (half of one, if ``modulated``). Places are
    computed in float32 at least.

    Args:
        size: taps along each axis.
        dilation: step between taps, of this convolution and of those that make offsets and mask.
        groups: parts of the channels, each with offsets of its own.
        modulated: whether each tap has a mask (version 2), else version 1.
        use_bias: whether a bias is added.

    Raises:
        ValueError: for a number below 1; when called, for groups that do not divide the channels.
    """
    checks.at_least_one(size=size, dilation=dilation, groups=groups)
    return Attention(Sampled(size, dilation, groups, modulated), Bias() if use_bias else None)


def steps(size: Grid, dilation: int) -> Int[np.ndarray, "taps axes"]:
    """Return where the taps of a window lie, from its middle, row-major."""
    reach = np.array([(side - 1) * dilation // 2 for side in size])
    return np.indices(size).reshape(len(size), -1).T * dilation - reach


def corners(
    place: Float[Array, "B N M axes"], grid: Grid
) -> tuple[Int[Array, "B N M K"], Bool[Array, "B N M K"], Float[Array, "B N M K"]]:
    """Return the keys around each place: flat, whether they are on the grid, and their linear weights; K = 2^axes.

    A place less than one step off the grid still reads the border, as in torchvision; one further off reads nothing.
    """
    corner = np.array(list(product((0, 1), repeat=len(grid))))
    shape = (*place.shape[:-1], len(corner))
    j, ok, w = jnp.zeros(shape, jnp.int32), jnp.ones(shape, bool), jnp.ones(shape, place.dtype)
    for axis, side in enumerate(grid):
        here = jnp.clip(place[..., axis, None], -1, side)  # Further off changes nothing but might overflow an integer.
        low = jnp.floor(here)
        at = low.astype(jnp.int32) + corner[:, axis]
        on = (at >= 0) & (at < side)
        j, ok = j * side + jnp.where(on, at, 0), ok & on
        w = w * jnp.where(corner[:, axis], here - low, 1 - (here - low))
    return jnp.where(ok, j, 0), ok, w
