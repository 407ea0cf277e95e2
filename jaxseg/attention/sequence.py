"""Sequences of mechanisms: passes along one axis after the other, or the same pass again.

Each pass is Eq. 1; a sequence of them is not, but a chain of operators. Channel maps aside, its weights are the product
of those of the passes, and the row of a query is found without storing any of them: see ``Composition``.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int

from jaxseg.attention.form import Dense, Form
from jaxseg.attention.lowerings import aggregate
from jaxseg.attention.mechanisms.attention import Attention, Features, Gate, Input, Mask, flat


class Passes(NamedTuple):
    """What a sequence shows: each pass and their composition, as rows or as ``Dense``."""

    passes: tuple[Any, ...]
    composed: Any


@struct.dataclass
class Composition:
    """A sequence at a given input: the forms of its passes, each at the input which that pass read.

    The composition is the product of the weights, the mean over heads for each pass. It holds the channel maps aside
    (values, output projections, normalisation, gains and shortcuts count as the identity or nothing), so it shows what
    the passes reach together.
    """

    forms: tuple[Form, ...]
    x: Any  # [B, N, C]

    @property
    def support(self) -> Any:
        """Omega of the first pass; all have its grid."""
        return self.forms[0].support

    def rows(self, i: Int[Array, " R"]) -> Passes:
        """Return the rows of queries ``i``: of each pass [B, R, M, *grid], of the composition [B, R, 1, *grid]."""
        passes = tuple(form.rows(i) for form in self.forms)
        rows = passes[-1].mean(2).reshape(self.x.shape[0], len(i), -1)
        for form in self.forms[-2::-1]:
            rows = pulled(form, rows)
        return Passes(passes, rows.reshape(*rows.shape[:2], 1, *self.support.keys))

    def dense(self) -> Passes:
        """Return the passes and their composition written out; the composition's values are x."""
        weights = self.rows(jnp.arange(math.prod(self.support.queries))).composed
        weights = weights.reshape(*weights.shape[:2], 1, -1).swapaxes(1, 2)
        composed = Dense(weights, self.x[:, :, None], weights[:, 0] @ self.x)
        return Passes(tuple(form.dense() for form in self.forms), composed)


def pulled(form: Form, rows: Float[Array, "B R N"]) -> Float[Array, "B R P"]:
    """Return ``rows`` times the weights of ``form`` (the mean over its heads), in the memory of Eq. 1 itself.

    The fast form is linear in the values, so its transpose takes rows over the queries to rows over the keys.
    """
    images, keys, heads = form.batch, math.prod(form.support.keys), form.heads

    def eq1(values: Array) -> Array:
        v = jnp.broadcast_to(values[:, :, None, None] / heads, (images, keys, heads, 1))
        return aggregate(dataclasses.replace(form, value=v, groups=1)).reshape(images, -1)

    _, transpose = jax.vjp(eq1, jnp.zeros((images, keys), rows.dtype))
    return jax.lax.map(lambda row: transpose(row)[0], rows.swapaxes(0, 1)).swapaxes(0, 1)


class Sequence(nn.Module):
    """Attention after attention; the same module twice shares its weights."""

    steps: tuple[Attention, ...]

    def trace(self, x: Input, *, train: bool, valid: Mask = None, gate: Gate = None) -> tuple[Features, Composition]:
        """Return the output at ``x`` and the composition that made it."""
        forms, y = [], jnp.asarray(x)
        for step in self.steps:
            form = step.form(y, train=train, valid=valid, gate=gate)
            z = step.finish(form, y, train=train)
            forms.append(form)
            y = z + y if step.shortcut else z
        return y, Composition(tuple(forms), flat(x))

    def form(self, x: Input, *, train: bool = False, valid: Mask = None, gate: Gate = None) -> Composition:
        """Return the Eq. 1's of the passes at ``x``."""
        return self.trace(x, train=train, valid=valid, gate=gate)[1]

    def __call__(self, x: Input, *, train: bool, valid: Mask = None, gate: Gate = None) -> Features:
        """Attend; the arguments are those of ``Attention``."""
        return self.trace(x, train=train, valid=valid, gate=gate)[0]
