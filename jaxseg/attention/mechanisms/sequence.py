"""Sequences of mechanisms: passes along one axis after the other, or the same pass again.

Each pass is Eq. 1; a sequence of them is a chain of operators. Without what acts on channels alone, its weights are the
product of those of the passes, and the row of a query is found without storing any of them: see ``Composition``.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int

from jaxseg.attention.form import Dense, Form
from jaxseg.attention.lowerings import aggregate
from jaxseg.attention.module import Attention, Features, Gate, Input, Part, Unchecked, arrived, flat


class Passes(NamedTuple):
    """What a sequence shows: each pass and their composition, as rows or as ``Dense``."""

    passes: tuple[Any, ...]
    composed: Any


@struct.dataclass
class Composition:
    """A sequence at a given input: the forms of its passes, each at the input which that pass read.

    The composition is the product of the passes' weights, each the mean over its heads. Values, output projections,
    normalisation and gains count as the identity and shortcuts as nothing, so it shows what the passes reach together.
    """

    forms: tuple[Form, ...]
    x: Any  # input of the first pass, [B, N, C]

    @property
    def support(self) -> Any:
        """The support of the first pass; all passes have its grid."""
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


class Sequence(Part):
    """Attention after attention. Arguments of a call and errors are those of ``Attention``.

    Args:
        steps: the passes in their order; a module that stands there twice has one set of weights.
        numerics: of all passes.

    """

    steps: tuple[Attention, ...]

    def trace(
        self, x: Input, *, train: bool, valid: Unchecked = None, gate: Gate = None
    ) -> tuple[Features, Composition]:
        """Return the output at ``x`` and the composition that made it."""
        x, valid = arrived(x, valid)
        forms, y = [], x
        for step in self.steps:
            form = step.form(y, train=train, valid=valid, gate=gate)
            z = step.finish(form, y, train=train)
            forms.append(form)
            y = z + y if step.shortcut else z
        return y, Composition(tuple(forms), flat(x))

    def form(self, x: Input, *, train: bool = False, valid: Unchecked = None, gate: Gate = None) -> Composition:
        """Return the Forms of the passes, each at the input that it read."""
        return self.trace(x, train=train, valid=valid, gate=gate)[1]

    def __call__(self, x: Input, *, train: bool, valid: Unchecked = None, gate: Gate = None) -> Features:
        """Attend; arguments and errors are those of ``Attention``."""
        return self.trace(x, train=train, valid=valid, gate=gate)[0]
