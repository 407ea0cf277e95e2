"""Point-wise attention: a map, made by a small convolutional network, multiplies the features (paper, section 2.1)."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat, flat_mask
from jaxseg.attention.norms import plain
from jaxseg.attention.scores import Indicator, Taps
from jaxseg.attention.supports import Itself, Window
from jaxseg.attention.values import Projected, masked
from jaxseg.layers import BatchNorm, Conv

# How the map ends. Paper: not stated. "sigmoid" is what the modules that it cites use: bounded, and never zero
# at the start; "identity" is Eq. 4; "bn_relu" is how the author's code ends every convolution.
ACTIVATIONS = {
    "sigmoid": nn.sigmoid,
    "identity": lambda w: w,
    "relu": nn.relu,
    "bn_relu": nn.relu,
    "one_plus_tanh": lambda w: 1 + jnp.tanh(w),
}


class MapNetwork(Part):
    """The factors of a gate: Omega(i) = {i}, A = w_i, from two 3x3 convolutions of ``width`` and 1 channels.

    See ``pwa`` for the arguments.
    """

    activation: str
    width: int
    use_bn: bool

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the gate of ``x`` as Eq. 1."""
        grid = x.shape[1:-1]
        taps = (3,) * len(grid)
        # Padding reads as the zeros that SAME would put there, so the map of an image does not depend on its frame.
        h = Conv(self.width, taps, dtype=self.dtype, name="hidden")(masked(x, valid))
        if self.use_bn:
            h = BatchNorm(self.computes, name="hidden_norm")(h, train=train)
        h = masked(nn.relu(h), valid)
        w = Conv(1, taps, dtype=self.dtype, name="map")(h)
        if self.activation == "bn_relu":
            w = BatchNorm(self.computes, name="map_norm")(w, train=train)
        w = ACTIVATIONS[self.activation](w)
        return Form(Itself(grid), Taps(flat(w)[..., None]), plain, flat(x)[:, :, None], flat_mask(valid))


def pwa(
    *,
    activation: str = "sigmoid",
    width: int = 64,
    use_bn: bool = False,
) -> Attention:
    """Point-wise attention y = w(x) x: 3x3 convolution, ReLU, 3x3 convolution, activation (supplement, section 1).

    Omega: {i}.  A: w_i, from the 5 x 5 around i.  W: identity.  Heads: 1.  Level C.  Eq. 2-4.

    Args:
        activation: end of the map: sigmoid, identity, relu, bn_relu (batch normalisation first) or one_plus_tanh.
        width: hidden channels.
        use_bn: whether batch normalisation follows the first convolution.

    Raises:
        ValueError: for an activation that does not exist or a width below 1.
    """
    checks.one_of("activation", activation, ACTIVATIONS)
    checks.at_least_one(width=width)
    return Attention(MapNetwork(activation, width, use_bn))


class LinearMap(Part):
    """The factors of a gate whose map is one linear 3x3 convolution: Eq. 4 literally, 9 C heads over a window."""

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return Eq. 4 at ``x``."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        size = (3,) * len(grid)
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), (*size, channels, 1), jnp.float32)
        x, kernel = promote_dtype(x, kernel, dtype=self.dtype)
        value = Projected(flat(x), kernel.reshape(-1, channels, 1))
        return Form(Window(grid, size), Indicator(flat(x)), plain, value, flat_mask(valid), groups=channels)


def pwa_linear() -> Attention:
    """Point-wise attention with one linear 3x3 convolution as its map, the paper's simplification in Eq. 4.

    Omega: 3 x 3 window.  A: x_i[d] where j is tap m.  W: e_d w_m.  Heads: 9 C.  Level S.  Eq. 4.
    """
    return Attention(LinearMap())
