"""How models differ from the first one, image by image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxseg.report.figures import save
from jaxseg.report.learning_curves import BLUE, GREY, ORANGE

_COLUMNS = 3


def draw_differences(differences: Mapping[str, np.ndarray], path: Path, *, first: str, score: str, title: str) -> None:
    """Draw a panel a model: the difference to the first of every image, from the smallest to the largest; a PNG.

    Args:
        differences: of each model by its name, float [images]; NaN where one of both has no score.
        path: the picture's file.
        first: the model that is subtracted.
        score: its heading.
        title: which images these are.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    number = len(differences)
    columns = min(number, _COLUMNS)
    rows = math.ceil(number / columns)
    figure = Figure(figsize=(max(3.6 * columns, 6), 0.9 + 2.5 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axis, (name, values) in zip(grid, differences.items(), strict=False):
        held = np.sort(values[~np.isnan(values)])
        signs = [BLUE if value > 0 else ORANGE for value in held]
        axis.bar(np.arange(held.size), held, width=1.0 if held.size > 60 else 0.8, color=signs)
        axis.axhline(0, color=GREY, linewidth=0.8)
        if held.size:
            axis.axhline(held.mean(), color="black", linewidth=1, linestyle=":")
        told = f"{(held > 0).sum()} of {held.size} images above, {(held < 0).sum()} below"
        axis.set_title(f"{name}\n{told}", loc="left", fontsize=9.5)
        axis.grid(axis="y", alpha=0.25)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in grid[number:]:
        axis.set_axis_off()
    figure.supxlabel("images, from the smallest difference to the largest (dotted: their mean)", fontsize=9.5)
    figure.supylabel(f"{score} minus that of {first}", fontsize=9.5)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    save(figure, path)
