"""The protocol of attention: a module that makes the factors of Eq. 1, Eq. 1 on them, and what follows it.

How a network comes from its features to the fast form of a mechanism, here DenseUNet with ``attention="danet"``:

    models.network.Network.__call__              pads the images, and gives ``features`` the function ``attend``
    models.denseunet.DenseUNet.features          attend(level, skip, gate=x), where a skip meets the decoder
    models.network.Attend.__call__               attention{level}(skip, train=, valid=real cells, gate=)
    attention.module.Attention.__call__          calls ``form`` and ``finish``
      .form -> factors                           checked arguments; mechanisms.multi_head.Heads.__call__: projections
            -> Form(support, score, norm, value)     Everywhere, Dot, softmax, values [B, P, H, d]
      .finish -> lowerings.aggregate(form)       Eq. 1 by the cheapest row of lowerings.TABLE that fits
              -> lowering(form).run(form)            here lowerings.everywhere.streamed
              -> output(y, x, train=)            mechanisms.parts.Gain: what follows Eq. 1
      + x, where it has a shortcut

A joint structure (``mechanisms.joint``) and a sequence (``mechanisms.sequence``) call ``form`` and ``finish`` of the
``Attention`` modules in them. ``rows`` and ``dense`` of ``attention.maps`` call ``form`` alone.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.core import Scope
from jaxtyping import Array, Bool, Float, Shaped

from jaxseg.attention.form import Form
from jaxseg.attention.lowerings import aggregate
from jaxseg.attention.norms import plain
from jaxseg.attention.scores import Taps
from jaxseg.attention.supports import Itself
from jaxseg.attention.values import AnyArray
from jaxseg.layers import Numerics

Input = Float[AnyArray, "batch *spatial channels"]
Features = Float[Array, "batch *spatial channels"]
Mask = Bool[AnyArray, " batch *spatial"] | None  # which positions exist; None: all do
Gate = Float[AnyArray, "batch *spatial_gate channels_gate"] | None  # another tensor, where a mechanism reads one
Unchecked = Shaped[AnyArray, "*mask"] | None  # a ``Mask`` that came from outside; see ``arrived``


class Part(nn.Module, kw_only=True):
    """A mechanism, or a module in one: it belongs to the module that it is handed to.

    Other Flax modules belong to the module in whose code they are made, so that a constructor which a network calls
    would put a mechanism's parts into the network. A part made in the code of another one is given ``parent=self``.

    Args:
        numerics: what it computes in, and the mapped axis that shares a batch. None: those of the part around it, and
            without one those of ``Numerics()``.

    """

    numerics: Numerics | None = None

    def __post_init__(self) -> None:
        """Leave the part without a parent unless one is named."""
        if not isinstance(self.parent, nn.Module | Scope):
            object.__setattr__(self, "parent", None)
        super().__post_init__()

    @property
    def computes(self) -> Numerics:
        """How it computes: by its own numerics, or else as the part around it."""
        if self.numerics is not None:
            return self.numerics
        return self.parent.computes if isinstance(self.parent, Part) else Numerics()

    @property
    def framed(self) -> bool:
        """Whether what it gives at a position is the same on every grid that holds an image's own, given ``valid``.

        A part that knows better says so, by a property or an attribute ``framed``; a whole is framed as its parts are.
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "parent"}
        parts = jax.tree.leaves(fields, is_leaf=lambda part: isinstance(part, Part))
        return all(part.framed for part in parts if isinstance(part, Part))

    @property
    def dtype(self) -> Any:
        """What it computes in, for the layers that it makes; None: the common type of features and parameters."""
        return self.computes.dtype


class Attention(Part):
    """A spatial attention mechanism, [batch, *spatial, channels] -> the same shape.

    Args:
        factors: the mechanism itself, a module ``(x, train=, valid=, gate=) -> Form``.
        output: what follows Eq. 1, a module ``(y, x, train=) -> [batch, *spatial, channels]``; None: nothing.
        shortcut: whether x is added at the end.
        numerics: of all its parts.

    """

    factors: nn.Module
    output: nn.Module | None = None
    shortcut: bool = False

    def form(self, x: Input, *, train: bool = False, valid: Unchecked = None, gate: Gate = None) -> Form:
        """Return Eq. 1 at ``x``: support, score, norm and value. Arguments and errors are those of ``__call__``."""
        x, valid = arrived(x, valid)
        return self.factors(x, train=train, valid=valid, gate=gate)

    def finish(self, form: Form, x: Features, *, train: bool) -> Features:
        """Return Eq. 1 and what follows it, without the shortcut."""
        y = aggregate(form)
        return y if self.output is None else self.output(y, x, train=train)

    def __call__(self, x: Input, *, train: bool, valid: Unchecked = None, gate: Gate = None) -> Features:
        """Attend.

        Args:
            x: features on a grid of two or more dimensions; a signal has a second side of 1.
            train: whether batch statistics are used, and the running ones updated.
            valid: positions that exist, bool [batch, *spatial]; the others (padding) are no keys. None: all do.
            gate: features of another tensor, for the mechanisms that read one.

        Raises:
            ValueError: if ``x`` has no batch axis, or ``valid`` another shape or type; and what a mechanism refuses.
        """
        x = jnp.asarray(x)
        y = self.finish(self.form(x, train=train, valid=valid, gate=gate), x, train=train)
        return y + x if self.shortcut else y


class Identity(Part):
    """No attention: y = x. As Eq. 1, Omega(i) = {i} and A = 1."""

    def form(self, x: Input, *, train: bool = False, valid: Unchecked = None, gate: Gate = None) -> Form:
        """Return the identity as Eq. 1."""
        x, _ = arrived(x, valid)
        v = flat(x)[:, :, None]
        return Form(Itself(x.shape[1:-1]), Taps(jnp.ones((*v.shape[:3], 1), x.dtype)), plain, v)

    def __call__(self, x: Input, *, train: bool, valid: Unchecked = None, gate: Gate = None) -> Features:
        """Return ``x``; arguments and errors are those of ``Attention``."""
        return arrived(x, valid)[0]


def none() -> Identity:
    """No attention; the baseline."""
    return Identity()


def arrived(x: Input, valid: Unchecked) -> tuple[Features, Bool[Array, " batch *spatial"] | None]:
    """Return features and mask as arrays, once they fit each other.

    Raises:
        ValueError: if ``x`` is not [batch, *spatial, channels] with two spatial axes at least, or ``valid`` not bool
            [batch, *spatial].
    """
    if x.ndim < 4:
        raise ValueError(
            f"x has shape {x.shape}; give [batch, *spatial, channels]: one image is x[None], and a signal "
            "[batch, length, 1, channels]."
        )
    if valid is None:
        return jnp.asarray(x), None
    if valid.shape != x.shape[:-1] or valid.dtype != bool:
        raise ValueError(
            f"valid has shape {valid.shape} and type {valid.dtype}, and x shape {x.shape}; give x without its "
            f"channels, {x.shape[:-1]}, of type bool."
        )
    return jnp.asarray(x), jnp.asarray(valid)


def flat(x: Input) -> Float[Array, "batch N channels"]:
    """Return ``x`` with its positions in one row-major axis."""
    return jnp.asarray(x).reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])


def flat_mask(valid: Mask) -> Bool[Array, "batch N"] | None:
    """Return a key mask with its positions in one row-major axis; None stays None."""
    return None if valid is None else jnp.asarray(valid).reshape(valid.shape[0], -1)
