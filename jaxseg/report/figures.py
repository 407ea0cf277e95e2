"""What is done to every figure at the end."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from jaxseg import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def literal(figure: Figure) -> Figure:
    """Return the figure with its texts shown as they are: a ``$`` in a file's name begins no formula."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    return figure


def save(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure as a PNG file, whole or not at all."""
    stream = io.BytesIO()
    literal(figure).savefig(stream, dpi=dpi, format="png")
    files.write(path, stream.getvalue())
