"""ROC, precision-recall and calibration curves of an evaluation, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxseg.data.palette import colours
from jaxseg.report.figures import save
from jaxseg.report.learning_curves import BLUE, GREY, ORANGE
from jaxseg.report.tables import REGION_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The field of view is drawn over the full image, and thinner: both show where they coincide.
_STYLES: dict[str, dict[str, Any]] = {
    "full": {"color": BLUE, "linewidth": 3.4, "markersize": 8},
    "fov": {"color": ORANGE, "linewidth": 1.4, "markersize": 4},
}
_DASHES = {"full": "-", "fov": (0, (2, 1.5))}  # of classes, which have colours of their own


def draw_score_curves(curves: Sequence[dict[str, Any]], path: Path, *, title: str, classes: Sequence[str] = ()) -> None:
    """Draw the curves of ``Evaluation.curves`` and write a PNG; rates and probabilities go from 0 to 1.

    Args:
        curves: one or more.
        path: the picture's file.
        title: which images these are.
        classes: all names, some of which may have no curve; () for one foreground.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    figure = Figure(figsize=(14, 5.6 + 0.11 * len(curves)), layout="constrained")
    grid = figure.add_gridspec(2, 3, height_ratios=[4, 1])
    roc, precision = (figure.add_subplot(grid[:, column]) for column in (0, 1))
    calibration = figure.add_subplot(grid[0, 2])
    number = figure.add_subplot(grid[1, 2], sharex=calibration)
    for axis in (roc, calibration):
        axis.plot([0, 1], [0, 1], color=GREY, linestyle=":")
    for curve, style in zip(curves, _styles(curves, classes), strict=True):
        _draw(curve, style, roc, precision, calibration, number)
    for axis, heading, x, y in (
        (roc, "ROC (dotted: chance)", "false positive rate, 1 - TNR", "recall"),
        (precision, "Precision and recall (dotted: chance)", "recall", "precision"),
        (calibration, "Calibration (dotted: perfect)", "", "observed frequency"),
    ):
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y)
        axis.set_title(heading, loc="left")
    calibration.tick_params(labelbottom=False)
    number.set(xlabel="mean predicted probability of the foreground in bin", ylabel="pixels", yscale="log")
    counted = [pixels for curve in curves for pixels in curve["calibration"]["num_pixels"]]
    number.set_ylim(min(counted) / 2, 2 * max(counted))
    number.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    number.yaxis.set_minor_formatter(NullFormatter())
    for axis in figure.axes:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    figure.legend(*roc.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=1)
    save(figure, path)


def _draw(
    curve: dict[str, Any], style: dict[str, Any], roc: Axes, precision: Axes, calibration: Axes, number: Axes
) -> None:
    line = {name: value for name, value in style.items() if name != "markersize"}
    label = (
        f"{', '.join(filter(None, [curve.get('class'), REGION_NAMES[curve['region']]]))}: "
        f"AUC {curve['auc']:.4f}, average precision {curve['average_precision']:.4f}, "
        f"ECE {curve['ece_positive']:.4f}, {curve['prevalence']:.1%} of the pixels are foreground"
    )
    roc.plot([0.0, *curve["false_positive_rate"]], [0.0, *curve["recall"]], label=label, **line)
    # The precision of a point holds from the recall before it: so the average precision is the area.
    own = [curve["precision"][0], *curve["precision"]]
    precision.plot([0.0, *curve["recall"]], own, drawstyle="steps-pre", **line)
    precision.axhline(curve["prevalence"], color=style["color"], linestyle=":", linewidth=line["linewidth"] / 1.5)
    bins = curve["calibration"]
    calibration.plot(bins["probability"], bins["frequency"], marker="o", **style)
    number.plot(bins["probability"], bins["num_pixels"], marker="o", **style)
    if used := curve["used"]:
        dot = {"markersize": style["markersize"] + 6, "markeredgecolor": "white", "color": style["color"]}
        roc.plot(used["false_positive_rate"], used["recall"], "o", zorder=3, **dot)
        if used["precision"] is not None:
            precision.plot(used["recall"], used["precision"], "o", zorder=3, **dot)


def _styles(curves: Sequence[dict[str, Any]], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return how each curve is drawn: regions in two colours, or classes in theirs with the field of view dashed."""
    from matplotlib.patheffects import withStroke

    if not classes:
        return [_STYLES[curve["region"]] for curve in curves]
    palette = dict(zip(classes, colours(len(classes)) / 255, strict=True))
    edge = {"path_effects": [withStroke(linewidth=2.8, foreground="#555555")]}  # so that a light colour shows on white
    return [
        {
            "color": palette[curve["class"]],
            "linewidth": 1.8,
            "markersize": 4,
            "linestyle": _DASHES[curve["region"]],
            **edge,
        }
        for curve in curves
    ]
