"""Context from everywhere, added to x: DANet's position attention, and GCNet's, whose weights no query changes."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.multi_head import Heads, raw
from jaxseg.attention.mechanisms.parts import Gain
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat, flat_mask
from jaxseg.attention.norms import softmax
from jaxseg.attention.scores import OfKey
from jaxseg.attention.supports import Everywhere


def danet(
    *,
    width: int | None = None,
    use_bias: bool = True,
    gamma_init: float = 0.0,
) -> Attention:
    """Position attention of the dual attention network: y = gamma P(x) + x.

    Omega: everywhere.  A: softmax_j q_i . k_j.  W: gamma W_V.  Heads: 1.  Level N.
    Fu et al. 2019; junfu1115/DANet, PAM_Module.

    Args:
        width: channels of queries and keys; None is an eighth of those of x, at least 1.
        use_bias: biases of the three projections.
        gamma_init: the gain that P starts with; at 0 the block starts as the identity.

    Raises:
        ValueError: for a width below 1.
    """
    checks.at_least_one_if_given(width=width)
    return Attention(Heads(raw, softmax, 1, 8, width, None, use_bias), Gain(gamma_init), shortcut=True)


class KeyOnly(Part):
    """The factors of a global context: every query reads the same weighted mean of x."""

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the context of ``x`` as Eq. 1."""
        (x,) = promote_dtype(x, dtype=self.dtype)
        grid = x.shape[1:-1]
        # No bias: it would add the same to all keys, and cancel in the softmax.
        init = nn.initializers.glorot_uniform()
        logits = nn.Dense(1, use_bias=False, dtype=self.dtype, kernel_init=init, name="key")(flat(x))
        return Form(Everywhere(grid, grid), OfKey(logits), softmax, flat(x)[:, :, None], flat_mask(valid))


class Transform(Part):
    """What is made of the context before it is added to x: one linear map, or a bottleneck with layer normalisation.

    Its last map starts at zero, as GCNet's does, so that the block starts as the identity.
    """

    bottleneck: bool
    reduction: int

    @nn.compact
    def __call__(self, y: Features, x: Features, *, train: bool) -> Features:
        """Return the transform of the context ``y``, the same at every position."""
        context = flat(y)[:, 0]
        if self.bottleneck:
            width = max(x.shape[-1] // self.reduction, 2)  # The normalisation of a single channel is constant.
            init = nn.initializers.glorot_uniform()
            context = nn.Dense(width, dtype=self.dtype, kernel_init=init, name="reduce")(context)
            context = nn.relu(nn.LayerNorm(epsilon=1e-5, dtype=self.dtype, name="norm")(context))
        last = nn.Dense(x.shape[-1], dtype=self.dtype, kernel_init=nn.initializers.zeros_init(), name="expand")
        added = last(context).reshape(x.shape[0], *(1 for _ in x.shape[1:-1]), -1)
        return jnp.broadcast_to(added, x.shape)


OUTPUTS = ("linear", "bottleneck")


def key_only(
    *,
    output: str = "linear",
    reduction: int = 16,
) -> Attention:
    """One context for all positions: y_i = x_i + T(sum_j softmax_j(w . x_j) x_j).

    Omega: everywhere.  A: softmax_j w . x_j, the same for every i.  W: identity, and T outside.  Heads: 1.  Level N.
    Cao et al. 2019; xvjiarui/GCNet, ContextBlock2d.

    Args:
        output: what T is: "linear", a 1x1 convolution (the simplified non-local block), or "bottleneck", two of them
            with layer normalisation and ReLU between (the global context block). T acts on one vector per image, as
            squeeze-and-excitation does, and is no part of Eq. 1.
        reduction: how many times narrower than x the bottleneck is, of 2 channels at least.

    Raises:
        ValueError: for an output that does not exist or a reduction below 1.
    """
    checks.one_of("output", output, OUTPUTS)
    checks.at_least_one(reduction=reduction)
    return Attention(KeyOnly(), Transform(output == "bottleneck", reduction), shortcut=True)
