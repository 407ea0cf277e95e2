"""One image, its truth, and where each of several models errs, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxseg.report.figures import save
from jaxseg.report.overlays import class_map, draw_outline, error_map
from jaxseg.report.panels import aspect, thinned

_COLUMNS, _LARGE = 6, 3  # panels of a line, and of images that are large, whose detail would be lost
_DETAILED = 256  # pixels from which on an image is large
_WIDTH, _GAP, _LINE = 13.5, 0.06, 0.3  # inches
_DPI = 90  # a line is as wide as the page
_INK = "#7b838c"  # reads on a light page and on a dark one


def draw_side_by_side(
    image: UInt8[np.ndarray, "height width 3"],
    truth: UInt8[np.ndarray, "height width"],
    predicted: Mapping[str, UInt8[np.ndarray, "height width"]],
    path: Path,
    *,
    classes: int = 0,
) -> None:
    """Draw the image, the truth, and the errors of each model in the colours of ``overlays.ERRORS``; write a PNG.

    Args:
        image: the photograph.
        truth: the class of every pixel.
        predicted: the predicted class of every pixel, by the line above the panel: the model and its score.
        path: the picture's file.
        classes: the number of classes; 0 for one foreground.
    """
    from matplotlib.figure import Figure

    image, truth = thinned(image), thinned(truth)
    drawn = [("image", image), ("truth", class_map(image, truth, classes) if classes else image)]
    drawn += [(name, error_map(image, truth, thinned(found))) for name, found in predicted.items()]
    most = _LARGE if max(truth.shape) > _DETAILED else _COLUMNS
    columns, lines = min(len(drawn), most), math.ceil(len(drawn) / most)
    across = (_WIDTH - (most - 1) * _GAP) / most
    panel = across * aspect(truth)
    width = columns * across + (columns - 1) * _GAP
    height = lines * (panel + _LINE)
    figure = Figure(figsize=(width, height), facecolor="none")  # so that a page's own ground lies beneath
    for place, (name, shown) in enumerate(drawn):
        line, column = divmod(place, most)
        bottom = height - (line + 1) * (panel + _LINE)
        box = (column * (across + _GAP) / width, bottom / height, across / width, panel / height)
        axis = figure.add_axes(box)
        axis.imshow(shown)
        if name == "truth" and not classes:
            draw_outline(axis, truth)
        axis.set_axis_off()
        axis.set_aspect("auto")
        axis.text(0, 1 + 0.09 / panel, name, transform=axis.transAxes, fontsize=9.5, color=_INK)
    save(figure, path, _DPI)
