"""Attention among neighbours: Swin's windows, which tile the grid, and NAT's, one around each query."""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax.numpy as jnp

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.parts import Output, divide, project
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat_mask
from jaxseg.attention.norms import softmax
from jaxseg.attention.scores import Dot, Relative, Sum
from jaxseg.attention.supports import Box, Grid, Neighborhood, Tiles
from jaxseg.layers import frame


class Neighbours(Part):
    """The factors of scaled dot products with a position bias b_m[j - i], in heads side by side.

    A subclass says what ``support`` a grid has. Along each axis its keys are less than ``window`` away from the query.

    Args:
        window: side of the window.
        heads: M; None is the largest divisor of the channels of x that leaves 32 to each, at least 1.
        use_bias: whether the projections have biases.

    """

    window: int
    heads: int | None
    use_bias: bool

    def support(self, grid: Grid) -> Box:
        """Return the support of queries on ``grid``."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return attention at ``x`` as Eq. 1, without what follows it."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        heads = divide("heads", self.heads, channels, channels // 32)
        width = channels // heads
        init = nn.initializers.glorot_uniform()
        linear = partial(project, x, heads, width, use_bias=self.use_bias, dtype=self.dtype, kernel_init=init)
        q, k, v = (linear(name=name) for name in ("query", "key", "value"))
        offsets = (2 * self.window - 1,) * len(grid)
        table = self.param("table", nn.initializers.truncated_normal(0.02), (*offsets, heads, 1), jnp.float32)
        score = Sum((Dot(q * width**-0.5, k), Relative(jnp.asarray(table), grid, tuple(range(len(grid))))))
        return Form(self.support(grid), score, softmax, v, flat_mask(valid), groups=heads)


class Windows(Neighbours):
    """The factors of Swin's attention. See ``swin`` for the arguments."""

    shift: int

    @property
    def framed(self) -> bool:
        """Unless it is shifted: a frame no longer than the window would be one tile, and not shifted."""
        return self.shift == 0

    def support(self, grid: Grid) -> Tiles:
        """Return the tiles; a side no longer than the window is one tile, and is not shifted."""
        size = tuple(min(side, self.window) for side in grid)
        return Tiles(grid, size, tuple(0 if side <= self.window else self.shift for side in grid))


class Nearest(Neighbours):
    """The factors of neighbourhood attention. See ``neighborhood`` for the arguments."""

    def support(self, grid: Grid) -> Neighborhood:
        """Return the window of keys around each query; the border is that of each image's frame."""
        return Neighborhood(grid, (self.window,) * len(grid), frame.lengths(grid))


def _projected(factors: Neighbours) -> Attention:
    """Return attention by ``factors`` and W_O, once its numbers are at least 1."""
    checks.at_least_one(window=factors.window)
    checks.at_least_one_if_given(heads=factors.heads)
    return Attention(factors, Output())


def swin(
    *,
    window: int = 7,
    shift: int = 0,
    heads: int | None = None,
    use_bias: bool = True,
) -> Attention:
    """Window attention of the Swin transformer: the grid is cut into windows, and each attends within itself.

    Omega: the window that holds i; those at a border are cut, since padding would be no key.
    A: softmax_j q_i . k_j / sqrt(width) + b_m[j - i].  W: W_O W_V.  Heads: ``heads``.  Level N.  Liu et al. 2021,
    "Swin Transformer", Eq. 4; code microsoft/Swin-Transformer, WindowAttention.

    A pair with ``shift=0`` and then ``shift=window // 2`` is the source's pair of blocks. Its masks keep apart what the
    cyclic shift brings together; here the shifted windows end at the border.

    Args:
        window: side of the windows; an axis no longer than that is one window.
        shift: where windows start, along each axis.
        heads: M; None is the largest divisor of the channels that leaves 32 to each, as in the source's models,
            at least 1.
        use_bias: biases of queries, keys and values.

    Raises:
        ValueError: for a window or heads below 1, or a shift that is not less than the window; when called, for heads
            that do not divide the channels.
    """
    if not 0 <= shift < window:
        raise ValueError(f"shift is {shift}; it must be at least 0 and less than window, which is {window}.")
    return _projected(Windows(window, heads, use_bias, shift))


def neighborhood(
    *,
    window: int = 7,
    heads: int | None = None,
    use_bias: bool = True,
) -> Attention:
    """Neighbourhood attention: each query attends to the keys nearest to it, at a border too as many as elsewhere.

    Omega: the ``window`` keys around i along each axis; where it is even, 2 r, those are r before i and r - 1 after it.
    A: softmax_j q_i . k_j / sqrt(width) + b_m[j - i].  W: W_O W_V.  Heads: ``heads``.  Level N.  Hassani et al. 2023,
    "Neighborhood Attention Transformer", Eq. 2-4; code SHI-Labs/NATTEN (even windows as since 0.17.5).

    Args:
        window: keys along each axis; an axis no longer than that is read whole (the source pads it with zeros).
        heads: M; None is the largest divisor of the channels that leaves 32 to each, as in the source's models,
            at least 1.
        use_bias: biases of queries, keys and values.

    Raises:
        ValueError: for a window or heads below 1; when called, for heads that do not divide the channels.
    """
    return _projected(Nearest(window, heads, use_bias))
