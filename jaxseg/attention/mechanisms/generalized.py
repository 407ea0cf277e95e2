"""Generalised attention: four terms of content and position in one softmax (Zhu et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.parts import Gain, project
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat_mask
from jaxseg.attention.norms import softmax
from jaxseg.attention.scores import Dot, OfKey, within
from jaxseg.attention.supports import Everywhere, Grid, Window

TERMS = tuple(f"{subset:04b}" for subset in range(1, 16))
LONGEST = 1000  # length of the longest wave over that of the shortest, which is 2 pi

# The source draws its kernels so, and the vectors u and v within 1 / sqrt(2 width).
KERNEL = nn.initializers.lecun_uniform()
VECTOR = nn.initializers.variance_scaling(1 / 6, "fan_in", "uniform", in_axis=-1, out_axis=-2)


class FourTerms(Part):
    """The factors of attention with up to four terms. See ``generalized`` for the arguments."""

    terms: str
    heads: int
    width: int | None
    waves: int | None
    magnitude: float
    spatial_range: int | None
    kv_stride: int
    span: int

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return attention at ``x`` as Eq. 1, without what follows it."""
        e1, e2, e3, e4 = (bit == "1" for bit in self.terms)
        grid, channels = x.shape[1:-1], x.shape[-1]
        width, waves = self.width or max(channels // self.heads, 1), self.waves or max(channels // 4, 1)
        strided = (slice(None), *(slice(None, None, self.kv_stride) for _ in grid))
        source, ok = x[strided], None if valid is None else valid[strided]
        linear = partial(project, heads=self.heads, width=width, use_bias=False, dtype=self.dtype, kernel_init=KERNEL)
        value = linear(source, name="value")

        def vector(name: str) -> Array:
            vector = self.param(name, VECTOR, (self.heads, width), jnp.float32)
            return jnp.asarray(vector, value.dtype)[None, None]

        terms: list[Dot] = []
        nothing = jnp.zeros((), value.dtype)
        q = linear(x, name="query") if e1 or e2 else nothing
        if e1 or e3:
            k, u = linear(source, name="key"), vector("u") if e3 else nothing
            one = jnp.ones((1, 1, self.heads, 1), k.dtype)
            terms.append(Dot(q + u, k) if e1 else Dot(one, (k * u).sum(-1, keepdims=True)))
        if e2 or e4:
            within(self.span, grid)
            shape = (2 * waves, self.heads * width)
            kernels = [self.param(f"offset_{axis}", KERNEL, shape, jnp.float32) for axis in range(len(grid))]
            kernels = [jnp.asarray(kernel, value.dtype) for kernel in kernels]
            asks = (q if e2 else nothing) + (vector("v") if e4 else nothing)
            terms.append(by_offset(asks, kernels, grid, self.kv_stride, self.magnitude))
        score = joined(terms) if e1 or e2 or e4 else OfKey(terms[0].k[..., 0])

        if self.spatial_range is None:
            support = Everywhere(grid, source.shape[1:-1])
        else:
            support = Window(grid, (2 * self.spatial_range + 1,) * len(grid))
        return Form(support, score, softmax, value, flat_mask(ok), groups=self.heads)


def joined(dots: Sequence[Dot]) -> Dot:
    """Return the sum of dot products as a single one, of all their features: one product per tile of pairs."""

    def side(arrays: Sequence[Array]) -> Array:
        shape = jnp.broadcast_shapes(*(a.shape[:-1] for a in arrays))
        return jnp.concatenate([jnp.broadcast_to(a, (*shape, a.shape[-1])) for a in arrays], axis=-1)

    return Dot(side([dot.q for dot in dots]), side([dot.k for dot in dots]))


def by_offset(
    q: Float[Array, "b n M c"], kernels: Sequence[Float[Array, "waves Mc"]], grid: Grid, stride: int, magnitude: float
) -> Dot:
    """Return q_i . R_D as one dot product; R_D sums over axes the projected sines and cosines of the offset D = i - j.

    Let s and c be what q_i has along the projections of the sine and the cosine of one wave. Then

        s sin(i - j) + c cos(i - j)  =  (s sin i + c cos i) cos j + (c sin i - s cos i) sin j,

    so queries and keys have two features per wave and axis, whatever the size of the grid.

    Args:
        q: queries; b = 1 where all images have the same, n = 1 where all places do.
        kernels: for each axis the projection of its sines, then of its cosines, [2 waves, M c].
        grid: of the queries.
        stride: between keys, along each axis.
        magnitude: what offsets are multiplied by.
    """
    of_query, of_key = [], []
    for axis, kernel in enumerate(kernels):
        # The axes' energies add up; the source divides each by the square root of their number.
        kernel = kernel.reshape(2, -1, *q.shape[2:]) * len(grid) ** -0.5
        s, c = jnp.einsum("bnmc,twmc->tbnmw", q, kernel)
        sine, cosine = _waves(grid, axis, 1, magnitude, s)
        of_query += [s * sine + c * cosine, c * sine - s * cosine]
        sine, cosine = _waves(grid, axis, stride, magnitude, s)
        of_key += [cosine, sine]
    return Dot(jnp.concatenate(of_query, -1), jnp.concatenate(of_key, -1))


def _waves(grid: Grid, axis: int, stride: int, magnitude: float, like: Array) -> Float[Array, "2 1 positions 1 waves"]:
    """Return sine and cosine of every ``stride``-th coordinate, for as many waves as ``like`` has, in its type."""
    waves = like.shape[-1]
    coordinates = np.indices([-(-side // stride) for side in grid])[axis].reshape(1, -1, 1, 1) * stride
    angles = coordinates * magnitude / LONGEST ** (np.arange(waves) / waves)
    return jnp.asarray(np.stack([np.sin(angles), np.cos(angles)]), like.dtype)


class GainedOutput(Part):
    """What follows the sum: gamma W_O y, a 1x1 convolution back to the channels of x and a learned gain."""

    gamma_init: float

    @nn.compact
    def __call__(self, y: Float[Array, "batch *spatial inner"], x: Features, *, train: bool) -> Features:
        """Return gamma W_O y, with the channels of ``x``."""
        z = nn.Dense(x.shape[-1], dtype=self.dtype, kernel_init=KERNEL, name="w_o")(y)
        return Gain(self.gamma_init, parent=self, name="gain")(z, x, train=train)


def generalized(
    *,
    terms: str = "1111",
    heads: int = 8,
    width: int | None = None,
    waves: int | None = None,
    magnitude: float = 1.0,
    spatial_range: int | None = None,
    kv_stride: int = 1,
    span: int = 1000,
    gamma_init: float = 0.0,
) -> Attention:
    """Attention by any of four terms, y = gamma W_O sum_j softmax_j(E1 + E2 + E3 + E4) W_V x_j + x.

        E1 = q_i . k_j     E2 = q_i . R_D     E3 = u . k_j     E4 = v . R_D

    R_D projects the sines and cosines of the offset D = i - j, those of each axis by itself.

    Omega: everywhere, or a window.  A: the softmax.  W: gamma W_O W_V.  Heads: ``heads``.  Level N.
    Zhu et al. 2019; open-mmlab/mmcv, GeneralizedAttention (its queries are transposed where E2 stands without E4; here
    they are the paper's).

    Args:
        terms: which of E1 to E4 there are, "1" or "0" each; one at least.
        heads: M.
        width: channels per head; None is those of x over ``heads``, at least 1.
        waves: sines per axis, and as many cosines; None is a quarter of the channels of x, at least 1.
        magnitude: what offsets are multiplied by before they are encoded.
        spatial_range: how far a query reads along each axis, as far before as behind; None is everywhere. (The source's
            code reads one key more behind, and only every second by default: there kv_stride is 2, and 9 the heads.)
        kv_stride: step between keys along each axis; with ``spatial_range`` only 1.
        span: the longest side whose offsets are encoded.
        gamma_init: the gain that attention starts with; at 0 the block starts as the identity.

    Raises:
        ValueError: for an option out of its range; when called, for a side longer than ``span`` if E2 or E4 is there.
    """
    checks.one_of("terms", terms, TERMS)
    checks.at_least_one(heads=heads, kv_stride=kv_stride, span=span)
    checks.at_least_one_if_given(width=width, waves=waves)
    if spatial_range is not None and (spatial_range < 0 or kv_stride != 1):
        raise ValueError(
            f"spatial_range is {spatial_range} and kv_stride {kv_stride}; a range is at least 0, and needs kv_stride 1."
        )
    factors = FourTerms(terms, heads, width, waves, magnitude, spatial_range, kv_stride, span)
    return Attention(factors, GainedOutput(gamma_init), shortcut=True)
