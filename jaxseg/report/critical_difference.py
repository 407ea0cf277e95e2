"""Mean ranks of models on a line, with bars over those that Nemenyi's test does not tell apart (Demšar 2006)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from jaxseg.report.figures import save
from jaxseg.report.learning_curves import BLUE, GREY, ORANGE

_ROW = 0.3  # height of a line of text, inches


def draw_critical_difference(ranks: dict[str, Any], path: Path, *, title: str) -> None:
    """Draw the diagram, the best model at the left, as a PNG.

    Args:
        ranks: ``models``, ``alpha``, and ``mean_ranks``, ``critical_difference``, ``alike`` of ``statistics.Ranks``.
        path: the picture's file.
        title: what is ranked.
    """
    from matplotlib.figure import Figure

    means, number = ranks["mean_ranks"], len(ranks["models"])
    order = sorted(range(number), key=means.__getitem__)
    bars, half = len(ranks["alike"]), math.ceil(number / 2)
    rows = 0.7 + 0.5 * bars + half  # below the axis; the critical difference stands above it
    figure = Figure(figsize=(9, 0.8 + _ROW * (rows + 3)), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(1, number), ylim=(-rows, 3))
    axis.spines[["left", "right", "bottom"]].set_visible(False)
    axis.spines["top"].set_position(("data", 0))
    axis.xaxis.tick_top()
    axis.set_xticks(range(1, number + 1))
    axis.set_yticks([])
    difference = ranks["critical_difference"]
    shown = min(difference, number - 1)  # it may be longer than the axis
    axis.plot([1, 1 + shown], [1.7, 1.7], color=ORANGE, linewidth=3, solid_capstyle="butt", clip_on=False)
    longer = ", longer than the axis" if shown < difference else ""
    label = f"critical difference {difference:.2f} (Nemenyi, {ranks['alpha']:g}{longer})"
    axis.text(1, 2, label, va="bottom")
    for bar, alike in enumerate(ranks["alike"]):
        ends = [means[alike[0]], means[alike[-1]]]
        axis.plot(ends, [-0.5 - 0.5 * bar] * 2, color=BLUE, linewidth=5, solid_capstyle="round", clip_on=False)
    for place, model in enumerate(order):
        left = place < half
        row = -1.2 - 0.5 * bars - (place if left else number - 1 - place)
        end = 1 if left else number
        axis.plot([means[model], means[model], end], [0, row, row], color=GREY, linewidth=1.2, clip_on=False)
        axis.plot(means[model], 0, "o", color="black", markersize=5, clip_on=False)
        text = f"{ranks['models'][model]}  {means[model]:.2f}"
        side = {"ha": "right", "xytext": (-6, 0)} if left else {"ha": "left", "xytext": (6, 0)}
        axis.annotate(text, (end, row), textcoords="offset points", va="center", annotation_clip=False, **side)
    figure.suptitle(f"Mean ranks, 1 the best: {title}", fontsize=10, fontweight="bold", wrap=True)
    save(figure, path)
