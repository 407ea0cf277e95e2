"""The published tables, by name."""

from __future__ import annotations

from jaxseg.checks import one_of
from jaxseg.published import drive, isic, systems
from jaxseg.published.row import Table

TABLES = {each.name: each for each in (isic.TABLE1, isic.FIG3, drive.TABLE, systems.TABLE)}


def table(name: str) -> Table:
    """Return a published table: ``isic_table1``, ``isic_fig3``, ``drive_supp1`` or ``system_sizes``.

    Raises:
        ValueError: no table has this name.
    """
    one_of("the published table", name, TABLES)
    return TABLES[name]
