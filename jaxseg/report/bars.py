"""Models as bars with intervals, and beside them their differences to the first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxseg.metrics import metric
from jaxseg.report.comparison import drawn, level_told
from jaxseg.report.figures import save
from jaxseg.report.learning_curves import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 0.36  # height of a bar with its gap, inches
_PALE = "#A9CCE3"  # the bars; intervals and seeds are drawn on them


def draw_bars(found: dict[str, Any], path: Path, *, title: str, quoted: Mapping[str, float] | None = None) -> None:
    """Draw the mean of every model with its interval and seeds, from 0, and its difference to the first, enlarged.

    Args:
        found: what ``pages.comparison.comparison`` returns.
        path: the picture's file, a PNG.
        title: which score this is, of what.
        quoted: published scores by the name of the model that they are of.
    """
    from matplotlib.figure import Figure

    models, differences = found["models"], found["over_images"]
    shown = [row for row in models if row["mean"] is not None]
    rows = max(len(models), 2)
    figure = Figure(figsize=(10.5, 1.75 + _ROW * rows), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2]) if differences else (figure.subplots(), None)
    places = {row["model"]: place for place, row in enumerate(models)}
    for row in shown:
        place, own = places[row["model"]], row["seed_means"]
        left.barh(place, row["mean"], height=0.62, color=_PALE, zorder=1)
        _interval(left, row, place)
        if len(own) > 1:
            left.plot(own, [place] * len(own), "o", color="white", markeredgecolor=BLUE, markersize=4.5, zorder=4)
    for name, value in (quoted or {}).items():
        left.plot(value, places[name], "D", color=ORANGE, markeredgecolor="white", markersize=7, zorder=3)
    left.set_yticks(range(len(models)), [row["model"] for row in models])
    left.set_ylim(rows - 0.4, -0.6)
    left.set_xlim(left=0)
    if not metric(found["metric"]).lower:
        left.set_xlim(right=1)
    left.set_xlabel(f"{metric(found['metric']).heading}, mean over images")
    if right is not None:
        _differences(right, found, places)
    for axis in figure.axes:
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x", alpha=0.25)
        axis.set_axisbelow(True)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.legend(handles=_legend(found, bool(quoted)), frameon=False, loc="outside lower center", ncols=4, fontsize=9)
    save(figure, path)


def _interval(axis: Axes, row: dict[str, Any], place: int) -> None:
    if row["low"] is not None:
        axis.plot([row["low"], row["high"]], [place, place], color=BLUE, linewidth=2.2, zorder=2)
    axis.plot(row["mean"], place, "|", color=BLUE, markersize=13, markeredgewidth=2.2, zorder=3)


def _differences(axis: Axes, found: dict[str, Any], places: Mapping[str, int]) -> None:
    axis.axvline(0, color=GREY, linewidth=1)
    for row in found["over_images"]:
        if row["mean"] is not None:
            _interval(axis, row, places[row["model"]])
    axis.tick_params(labelleft=False)
    axis.set_xlabel(f"difference to {found['models'][0]['model']}, paired by image")
    axis.margins(x=0.12)


def _legend(found: dict[str, Any], quoted: bool) -> list[Any]:
    from matplotlib.lines import Line2D

    told = f"{level_told(found['level'])} CI over {drawn(found)}"
    handles = [Line2D([], [], color=BLUE, linewidth=2.2, label=told)]
    if any(len(row["seed_means"]) > 1 for row in found["models"]):
        handles.append(
            Line2D([], [], linestyle="none", marker="o", color="white", markeredgecolor=BLUE, label="each seed")
        )
    if quoted:
        handles.append(Line2D([], [], linestyle="none", marker="D", color=ORANGE, label="published"))
    return handles
