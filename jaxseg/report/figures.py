"""What is done to every figure at the end."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxseg import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150  # dots of an inch of a picture
_NARROWEST = 0.1  # of an axis of scores: a narrower one would make much of differences that are none
_BESIDE = 0.05  # of the axis that is free beyond the first and the last score


def literal(figure: Figure) -> Figure:
    """Return the figure with its texts shown as they are: a ``$`` in a file's name begins no formula."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    return figure


def span_scores(axis: Axes, scores: Sequence[float]) -> None:
    """Let the vertical axis show scores: at least ``_NARROWEST`` wide, and hardly beyond 1 where none is."""
    known = [score for score in scores if math.isfinite(score)]
    if not known:
        return
    low, high = min(known), max(known)
    lacking = max(0.0, _NARROWEST - (high - low))
    above = min(lacking / 2, max(0.0, 1 - high)) if high <= 1 else lacking / 2
    low, high = low - (lacking - above), high + above
    axis.set_ylim(low - _BESIDE * (high - low), high + _BESIDE * (high - low))


def save(figure: Figure, path: Path, dpi: int = DPI) -> None:
    """Write a figure as a PNG file, whole or not at all."""
    stream = io.BytesIO()
    literal(figure).savefig(stream, dpi=dpi, format="png")
    files.write(path, stream.getvalue())
