"""Gates: a map made from the features, or from another tensor too, multiplies them. CBAM, BAM, Attention U-Net."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxseg import checks
from jaxseg.attention.channel import ChannelGate, check_gate, largest, narrow, over_grid, pooled
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.parts import Output
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat, flat_mask
from jaxseg.attention.norms import plain
from jaxseg.attention.scores import Taps
from jaxseg.attention.supports import Itself
from jaxseg.attention.values import masked
from jaxseg.layers import BatchNorm, Conv, frame, resize

# How BAM's two branches meet before the sigmoid: the authors' code multiplies them, their paper (Eq. 2) adds them.
MERGES = {"product": jnp.multiply, "sum": jnp.add}


class SpatialGate(Part):
    """The factors of CBAM's gate. See ``cbam`` for the arguments."""

    size: int
    channel: bool
    reduction: int
    pools: tuple[str, ...]
    use_bn: bool
    gamma_init: float
    momentum: float

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the gate of ``x`` as Eq. 1."""
        if self.channel:
            first = ChannelGate(self.reduction, self.pools, dtype=self.dtype, name="channel")
            x = first(x, train=train, valid=valid)
        h = masked(x, valid)
        h = jnp.stack([largest(h, -1), h.mean(-1)], -1)
        h = Conv(1, (self.size,) * (x.ndim - 2), use_bias=False, dtype=self.dtype, name="map")(h)
        if self.use_bn:
            gamma = nn.initializers.constant(self.gamma_init)
            norm = BatchNorm(self.computes, scale_init=gamma, momentum=self.momentum, name="norm")
            h = norm(h, train=train)
        return gated(x, nn.sigmoid(h), valid)


def cbam(
    *,
    size: int = 7,
    channel: bool = False,
    reduction: int = 16,
    pools: Sequence[str] = ("avg", "max"),
    use_bn: bool = True,
    gamma_init: float = 1.0,
    momentum: float = 0.99,
) -> Attention:
    """CBAM's spatial gate y = sigmoid(BN(conv [max_c x; mean_c x])) x; with ``channel`` the whole module.

    Omega: {i}.  A: the map, from the ``size`` x ``size`` around i.  W: identity; with ``channel``, the diagonal of the
    channel gate.  Heads: 1.  Level C.  Woo et al. 2018, "CBAM", Eq. 1-3; code Jongchan/attention-module.

    Args:
        size: taps of the convolution along each axis, which has no bias.
        channel: whether the features go through ``ChannelGate`` first, as in the paper.
        reduction: of the channel gate, how many times narrower than x its hidden layer is.
        pools: of the channel gate, any of "avg", "max", "lp", "lse".
        use_bn: batch normalisation of the map, as in the authors' code; their paper has none.
        gamma_init: the gain that it starts with; 0 in the authors' networks.
        momentum: weight of the old running statistics in the new ones; 0.99 in the authors' code, 0.9 elsewhere here.

    Raises:
        ValueError: for a pool that does not exist, for none, or a size or reduction below 1.
    """
    checks.at_least_one(size=size)
    check_gate(reduction, pools)
    return Attention(SpatialGate(size, channel, reduction, tuple(pools), use_bn, gamma_init, momentum))


class Bottleneck(Part):
    """The factors of BAM's gate. See ``bam`` for the arguments."""

    reduction: int
    dilations: tuple[int, ...]
    channel: str

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the gate of ``x`` as Eq. 1."""
        rank, width = x.ndim - 2, narrow(x.shape[-1], self.reduction)
        norm = partial(BatchNorm, self.computes)
        dense = partial(nn.Dense, dtype=self.dtype, kernel_init=nn.initializers.glorot_uniform())

        h = nn.relu(norm(name="reduce_norm")(dense(width, name="reduce")(x), train=train))
        for n, dilation in enumerate(self.dilations):
            h = Conv(width, (3,) * rank, dilation=dilation, dtype=self.dtype, name=f"context{n}")(masked(h, valid))
            h = nn.relu(norm(name=f"context{n}_norm")(h, train=train))
        w = dense(1, name="map")(h)

        if self.channel != "none":
            s = dense(width, name="channel_reduce")(pooled(x, valid, "avg"))
            s = nn.relu(norm(name="channel_norm")(s, train=train))
            s = dense(x.shape[-1], name="channel_map")(s)
            w = MERGES[self.channel](w, over_grid(s, rank))
        return gated(x, 1 + nn.sigmoid(w), valid)


def bam(
    *,
    reduction: int = 16,
    dilations: Sequence[int] = (4, 4),
    channel: str = "none",
) -> Attention:
    """BAM's spatial gate y = (1 + sigmoid(map)) x, the map from a bottleneck with dilated 3x3 convolutions.

    Omega: {i}.  A: 1 + sigmoid(map), from the 17 x 17 around i by default.  W: identity.  Heads: 1; with ``channel``
    the gate is one per position and channel: C heads side by side, head c reading channel c.  Level C.
    Park et al. 2018, "BAM", Eq. 1-5; code Jongchan/attention-module.

    Args:
        reduction: how many times narrower than x the bottleneck is.
        dilations: of the 3x3 convolutions, one after the other.
        channel: how the channel branch joins the map before the sigmoid: "none" (the spatial part alone), "product"
            (the authors' code) or "sum" (their paper).

    Raises:
        ValueError: for a way to join that does not exist, or a reduction or dilation below 1.
    """
    checks.one_of("channel", channel, ("none", *MERGES))
    checks.at_least_one(reduction=reduction, dilations=min(dilations, default=1))
    return Attention(Bottleneck(reduction, tuple(dilations), channel))


class GridGate(Part):
    """The factors of Attention U-Net's gate. See ``attention_gate`` for the arguments."""

    inner: int | None
    sub_sample: int
    align_corners: bool
    use_bn: bool

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the gate of ``x`` by ``gate`` as Eq. 1."""
        g = x if gate is None else jnp.asarray(gate)
        if g.ndim != x.ndim:
            raise ValueError(f"gate has {g.ndim - 2} spatial dimensions and x {x.ndim - 2}; they must agree.")
        grid, side = x.shape[1:-1], self.sub_sample
        width = self.inner or narrow(x.shape[-1], 2)
        dense = partial(nn.Dense, dtype=self.dtype, kernel_init=nn.initializers.glorot_uniform())

        def norm(h: Array, name: str) -> Array:
            return BatchNorm(self.computes, name=name)(h, train=train) if self.use_bn else h

        # Whole cells alone, so a ragged border is dropped; an axis shorter than a cell is filled up with zeros.
        cells = tuple(max(length // side, 1) for length in grid)
        edges = [(0, 0, 0), *((0, n * side - length, 0) for n, length in zip(cells, grid, strict=True)), (0, 0, 0)]
        whole = lax.pad(masked(x, valid), jnp.zeros((), x.dtype), edges)
        like = {"use_bias": self.use_bn, "dtype": self.dtype}
        with frame.outside():  # What it reads is masked, and a ragged border has no part in frames.
            theta = norm(Conv(width, (side,) * len(grid), strides=side, **like, name="theta")(whole), "theta_norm")
        phi = norm(dense(width, name="phi")(g), "phi_norm")

        real = extent(x, valid)
        real_cells = jnp.maximum(real // side, 1)
        real_gate = -(-real * jnp.array(g.shape[1:-1]) // jnp.array(grid))
        if side > 1 or g.shape[1:-1] != grid:
            phi = resize(phi, cells, real_gate, real_cells, align_corners=self.align_corners)
        w = nn.sigmoid(norm(dense(1, name="psi")(nn.relu(theta + phi)), "psi_norm"))
        if side > 1:
            w = resize(w, grid, real_cells, real, align_corners=self.align_corners)
        return gated(x, w, valid)


def attention_gate(
    *,
    inner: int | None = None,
    sub_sample: int = 2,
    align_corners: bool = False,
    use_bn: bool = False,
    project: bool = True,
) -> Attention:
    """Attention U-Net's gate y = BN(W (a x)), a = up(sigmoid(psi ReLU(theta x + phi g))), g another tensor.

    Omega: {i}.  A: a_i, from the cells around i, and from ``gate``, in a decoder its features at any grid; without
    one, x gates itself.  W: W outside.  Heads: 1.  Level C.  Oktay et al. 2018, "Attention U-Net", Eq. 1-2; code
    ozan-oktay/Attention-Gated-Networks. That of LeeJunHyun/Image_Segmentation, at one grid and with batch
    normalisation after each convolution, is ``attention_gate(sub_sample=1, use_bn=True, project=False)``.

    Args:
        inner: width of theta and phi; None is half the channels, at least 1.
        sub_sample: side and stride of theta's cells, on whose grid the map is made; a ragged border joins no cell.
        align_corners: whether the corners of two grids coincide where one is resized to the other, as in the PyTorch
            of the authors' time; else the grids' edges do, as in today's.
        use_bn: batch normalisation after theta, phi and psi; theta has a bias then.
        project: whether W, a 1x1 convolution and batch normalisation, follows.

    Raises:
        ValueError: for a width or sub_sample below 1; when called, for a gate of other dimensions than x.
    """
    checks.at_least_one(sub_sample=sub_sample)
    checks.at_least_one_if_given(inner=inner)
    factors = GridGate(inner, sub_sample, align_corners, use_bn)
    return Attention(factors, Output(use_bn=True) if project else None)


def gated(x: Features, w: Float[Array, "batch *spatial maps"], valid: Mask) -> Form:
    """Return the product of ``x`` and ``w`` as Eq. 1: one map for all channels, or one each, heads side by side."""
    value = flat(x).reshape(x.shape[0], -1, w.shape[-1], x.shape[-1] // w.shape[-1])
    return Form(Itself(x.shape[1:-1]), Taps(flat(w)[..., None]), plain, value, flat_mask(valid), groups=w.shape[-1])


def extent(x: Features, valid: Mask) -> Int[Array, "batch axes"]:
    """Return how far the real part of each image reaches along each axis of its frame: the last valid index + 1."""
    grid = x.shape[1:-1]
    if valid is None:
        return jnp.broadcast_to(jnp.array(grid), (x.shape[0], len(grid)))
    places = jnp.stack(jnp.indices(grid), -1) + 1
    return jnp.where(jnp.asarray(valid)[..., None], places, 1).max(tuple(range(1, len(grid) + 1)))
