"""The Flax side of Eq. 1: a module that makes the factors, Eq. 1 on them, and what follows it."""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxseg.attention.form import Form
from jaxseg.attention.lowerings import aggregate
from jaxseg.attention.norms import plain
from jaxseg.attention.scores import Taps
from jaxseg.attention.supports import Itself

AnyArray = Array | np.ndarray
Input = Float[AnyArray, "batch *spatial channels"]
Features = Float[Array, "batch *spatial channels"]
Mask = Bool[AnyArray, " batch *spatial"] | None  # which positions exist; None: all do
Gate = Float[AnyArray, "batch *spatial_gate channels_gate"] | None  # another tensor, where a mechanism reads one


class Attention(nn.Module):
    """A spatial attention mechanism, [batch, *spatial, channels] -> the same shape.

    Args:
        factors: the mechanism itself, a module ``(x, train=, valid=, gate=) -> Form``.
        output: what follows Eq. 1, a module ``(y, x, train=) -> [batch, *spatial, channels]``; None: nothing.
        shortcut: whether x is added at the end.

    """

    factors: nn.Module
    output: nn.Module | None = None
    shortcut: bool = False

    def form(self, x: Input, *, train: bool = False, valid: Mask = None, gate: Gate = None) -> Form:
        """Return Eq. 1 at ``x``: support, score, norm and value."""
        return self.factors(jnp.asarray(x), train=train, valid=valid, gate=gate)

    def finish(self, form: Form, x: Features, *, train: bool) -> Features:
        """Return Eq. 1 and what follows it, without the shortcut."""
        y = aggregate(form)
        return y if self.output is None else self.output(y, x, train=train)

    def __call__(self, x: Input, *, train: bool, valid: Mask = None, gate: Gate = None) -> Features:
        """Attend.

        Args:
            x: features on a grid of any number of dimensions.
            train: whether batch statistics are used, and the running ones updated.
            valid: positions that exist; the others (padding) are no keys. None: all do.
            gate: features of another tensor, for the mechanisms that read one.
        """
        x = jnp.asarray(x)
        y = self.finish(self.form(x, train=train, valid=valid, gate=gate), x, train=train)
        return y + x if self.shortcut else y


class Identity(nn.Module):
    """No attention: y = x. As Eq. 1, Omega(i) = {i} and A = 1."""

    def form(self, x: Input, *, train: bool = False, valid: Mask = None, gate: Gate = None) -> Form:
        """Return the identity as Eq. 1."""
        v = flat(x)[:, :, None]
        return Form(Itself(x.shape[1:-1]), Taps(jnp.ones((*v.shape[:3], 1), x.dtype)), plain, v)

    def __call__(self, x: Input, *, train: bool, valid: Mask = None, gate: Gate = None) -> Features:
        """Return ``x``."""
        return jnp.asarray(x)


def none(*, dtype: Any = None, axis_name: str | None = None) -> Identity:
    """No attention; the baseline."""
    return Identity(parent=None)


def flat(x: Input) -> Float[Array, "batch N channels"]:
    """Return the positions of ``x`` in one row-major axis."""
    return jnp.asarray(x).reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])


def flat_mask(valid: Mask) -> Bool[Array, "batch N"] | None:
    """Return a key mask likewise."""
    return None if valid is None else jnp.asarray(valid).reshape(valid.shape[0], -1)
