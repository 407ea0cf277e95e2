"""What the pictures share: panels placed by inches, and small files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 100
COLUMNS, GAP = 6, 0.1  # panels side by side, and inches between them


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return an axis without ticks, in inches from the figure's upper left corner."""
    across, down = figure.get_size_inches()
    axis = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color("#bbbbbb")
    return axis


def save(figure: Figure, path: Path) -> None:
    """Write a figure in few colours, which makes it small."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI)
    few = Image.open(drawn).convert("RGB").quantize(224, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
