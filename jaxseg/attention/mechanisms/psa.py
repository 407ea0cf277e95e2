"""Point-wise spatial attention (Zhao et al. 2018): every position scores every offset from itself.

Position p has a score a_D(p) = U_D . h(p) for every offset D, with h its hidden features and U a table. The query
scores its keys, or each key scores the query:

    collect       A = softmax_j a_(j - i)(x_i)
    distribute    A = softmax_j a_(i - j)(x_j)
"""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Bool, Float

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.gates import extent
from jaxseg.attention.mechanisms.signatures import accepts, options
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat, flat_mask
from jaxseg.attention.norms import plain, softmax
from jaxseg.attention.scores import Relative, within
from jaxseg.attention.supports import Everywhere
from jaxseg.attention.values import AnyArray
from jaxseg.layers import BatchNorm, Numerics, frame, resize


class Reduced(nn.Module):
    """1x1 convolution without bias, batch normalisation, ReLU."""

    features: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "*b c"], *, train: bool) -> Float[Array, "*b d"]:
        """Return ``features`` channels, none of them negative."""
        init = nn.initializers.glorot_uniform()
        y = nn.Dense(self.features, use_bias=False, dtype=self.numerics.dtype, kernel_init=init, name="conv")(x)
        return nn.relu(BatchNorm(self.numerics, name="norm")(y, train=train))


class PointwiseSpatial(Part):
    """The factors of one branch of point-wise spatial attention. See ``psa_collect`` for the arguments.

    With ``shrink`` above 1, for two dimensions alone, the narrowed features are interpolated to a grid so many times
    smaller, on which queries and keys lie; corners of what is ``valid`` stay where they are.
    """

    collects: bool
    width: int | None
    span: int
    use_softmax: bool
    normalization_factor: float | None
    shrink: int = 1

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the branch at ``x`` as Eq. 1, without what follows it."""
        width = self.width or max(x.shape[-1] // 4, 1)
        reduced = partial(Reduced, width, self.computes)
        x = reduced(name="reduce")(x, train=train)
        if self.shrink > 1:
            x, valid = shrunk(x, valid, self.shrink)
        grid = x.shape[1:-1]
        within(self.span, grid)
        axes = tuple(range(len(grid)))
        h = flat(reduced(name="hidden")(x, train=train))[:, :, None]

        init = nn.initializers.glorot_uniform(in_axis=-1, out_axis=-2, batch_axis=axes)
        table = self.param("table", init, (*(2 * self.span - 1 for _ in grid), 1, width), jnp.float32)
        (table,) = promote_dtype(table, dtype=h.dtype)
        # An entry scores the offset from the position that holds h, be it the query or the key.
        table = table if self.collects else jnp.flip(table, axes)
        score = Relative(table, grid, axes, **{"q" if self.collects else "k": h})
        factor = self.normalization_factor
        if factor is None:
            factor = (2 * self.span - 1) ** len(grid)
        norm = softmax if self.use_softmax else plain
        return Form(Everywhere(grid, grid), score, norm, flat(x)[:, :, None] / factor, flat_mask(valid))


def shrunk(
    x: Float[Array, "batch h w channels"], valid: Bool[AnyArray, "batch h w"] | None, shrink: int
) -> tuple[Float[Array, "batch rows columns channels"], Bool[Array, "batch rows columns"] | None]:
    """Return ``x`` and its mask on a grid ``shrink`` times smaller, rounded up, interpolated with corners aligned."""
    real = extent(x, valid)
    small, grid = -(-real // shrink), tuple(-(-side // shrink) for side in x.shape[1:-1])
    return resize(x, grid, real, small, align_corners=True), None if valid is None else frame.first(small, grid)


class BranchOutput(Part):
    """What follows the sum: a 1x1 convolution back to the channels of x, with batch normalisation and ReLU."""

    @nn.compact
    def __call__(self, y: Float[Array, "batch *spatial inner"], x: Features, *, train: bool) -> Features:
        """Return ReLU(BN(W_O y)), with the channels of ``x``."""
        return Reduced(x.shape[-1], self.computes, name="proj")(y, train=train)


def _psa(
    collects: bool,
    *,
    width: int | None = None,
    span: int = 64,
    use_softmax: bool = True,
    normalization_factor: float | None = 1.0,
    shortcut: bool = True,
) -> Attention:
    """Return one branch; see ``psa_collect`` for the options."""
    checks.at_least_one(span=span)
    checks.at_least_one_if_given(width=width)
    if normalization_factor is not None and normalization_factor <= 0:
        raise ValueError(f"normalization_factor is {normalization_factor}; it must be positive, or None.")
    factors = PointwiseSpatial(collects, width, span, use_softmax, normalization_factor)
    return Attention(factors, BranchOutput(), shortcut)


_shared = {name: option for name, option in options(_psa).items() if name != "collects"}


@accepts(_shared)
def psa_collect(**options: Any) -> Attention:
    """Collect, y_i = x_i + ReLU(BN(W_O sum_j A g_j)): the query scores its keys by their offset from it.

    Omega: everywhere.  A: softmax_j a_(j - i)(x_i), or a itself.  W: W_O and g, both with BN and ReLU.  Heads: 1.
    Level N, or S.  Zhao et al. 2018, "PSANet"; hszhao/semseg, PSA with psa_type 0 and shrink_factor 1, which
    concatenates to x what is added to it here.

    Options:
        width: channels of g and of the hidden features; None, the default, is a quarter of those of x, at least 1.
        span: the longest side whose offsets have weights, 64 by default; U has (2 span - 1)^axes times width entries.
        use_softmax: whether a softmax runs over the keys, True by default.
        normalization_factor: what the sum is divided by, 1 by default; None is the number of offsets in the table.
        shortcut: whether x is added, True by default; without it the result is what the source concatenates.

    Raises:
        ValueError: for a width or span below 1, or a factor that is not positive; when called, for a side longer than
            ``span``.
    """
    return _psa(True, **options)


@accepts(_shared)
def psa_distribute(**options: Any) -> Attention:
    """Distribute, as ``psa_collect`` with its options, but each key scores the query by its offset from it.

    Omega: everywhere.  A: softmax_j a_(i - j)(x_j), or a itself.  W: W_O and g, both with BN and ReLU.  Heads: 1.
    Level N, or S.  Zhao et al. 2018, "PSANet"; hszhao/semseg, PSA with psa_type 1.
    """
    return _psa(False, **options)
