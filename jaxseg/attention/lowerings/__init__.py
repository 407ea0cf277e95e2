"""The fast forms of Eq. 1: a table keyed by the types of support, score, norm and value, chosen by counted cost.

``aggregate(form)`` is Eq. 1. No entry stores N x P weights; the last one fits every form. A new fast form is one row.
"""

from __future__ import annotations

import jax
from jaxtyping import Array, Float

from jaxseg.attention.form import Form
from jaxseg.attention.lowerings import boxes, cells, everywhere, gathered
from jaxseg.attention.lowerings.table import Lowering

TABLE = (*cells.ROWS, *boxes.ROWS, *everywhere.ROWS, *gathered.ROWS)


def aggregate(form: Form) -> Float[Array, "B *queries Gd"]:
    """Return y of Eq. 1 on the grid of the queries, by the cheapest lowering that fits."""
    row = lowering(form)
    with jax.named_scope(row.name):
        y = row.run(form)
    return y.reshape(y.shape[0], *form.support.queries, y.shape[-1])


def lowering(form: Form) -> Lowering:
    """Return the row of the table that takes ``form`` with the fewest multiply-adds, the first of equals."""
    return min((row for row in TABLE if row.fits(form)), key=lambda row: row.macs(form))
