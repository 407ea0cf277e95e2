"""Colours and dashes of models in one picture."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's colours (2008), which colour-blind readers can tell apart, without the yellow that white hides.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#555555")
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)))


def style(place: int) -> dict[str, Any]:
    """Return colour and dashes of the line of the model at a place; after seven, the dashes change."""
    return {"color": _COLOURS[place % len(_COLOURS)], "linestyle": _DASHES[place // len(_COLOURS) % len(_DASHES)]}
