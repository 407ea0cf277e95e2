"""One row of the table of lowerings, and the counts that rows share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Array

from jaxseg.attention.form import Form
from jaxseg.attention.scores import Pairwise
from jaxseg.attention.values import Lazy


class Lowering(NamedTuple):
    """A fast form: how it computes [B, N, G d], what that costs, and the forms it takes.

    Attributes:
        name: what documents, costs and profiles call it.
        run: computes [B, N, G d] of a form.
        macs: the multiply-adds of that for one image.
        support: the type of the forms' support.
        score: the type of their score.
        norms: their norms; None: any.
        value: the type of their value.
        when: what else must hold of a form.
    """

    name: str
    run: Callable[[Form], Array]
    macs: Callable[[Form], int]
    support: type = object
    score: type = object
    norms: tuple[Callable[..., Array], ...] | None = None
    value: type = object
    when: Callable[[Form], bool] = lambda form: True

    def fits(self, form: Form) -> bool:
        """Say whether this row can compute ``form``."""
        return (
            isinstance(form.support, self.support)
            and isinstance(form.score, self.score)
            and (self.norms is None or form.norm in self.norms)
            and isinstance(form.value, self.value)
            and self.when(form)
        )


def queries(form: Form) -> int:
    """Return N, the number of queries."""
    return math.prod(form.support.queries)


def value_shape(form: Form) -> tuple[int, int]:
    """Return H and d, heads and width of the values."""
    v = form.value
    return (v.heads, v.width) if isinstance(v, Lazy) else v.shape[2:]


def value_macs(form: Form) -> int:
    """Return the multiply-adds of making the values of one image; 0 where they exist already."""
    return form.value.macs if isinstance(form.value, Lazy) else 0


def making_macs(form: Form) -> int:
    """Return the multiply-adds of making queries, keys and values of one image; 0 where they exist already."""
    return value_macs(form) + (form.score.makes if isinstance(form.score, Pairwise) else 0)


def pair_macs(form: Form) -> int:
    """Return the multiply-adds of scoring every pair and summing its values: the cost of most rows."""
    weights = queries(form) * form.heads * form.support.slots
    return weights * (form.score.macs + value_shape(form)[1]) + making_macs(form)
