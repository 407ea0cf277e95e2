"""Curves of several models in one picture: scores on val in training; ROC, precision and recall, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxseg.metrics import metric
from jaxseg.report.figures import save
from jaxseg.report.learning_curves import GREY, selection_key, series
from jaxseg.report.model_colours import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEGEND_COLUMNS = 4


def draw_learning(logs: Mapping[str, Sequence[Sequence[dict[str, Any]]]], path: Path, *, select: str) -> bool:
    """Draw training loss and the score on val against the step, a thin line a run, as a PNG; False without any log.

    Args:
        logs: of each model by its name, the rows of ``metrics.jsonl`` of each of its runs.
        path: the picture's file.
        select: the metric that selects the checkpoint.
    """
    from matplotlib.figure import Figure

    score = selection_key(select)
    scored = any(series(rows, score)[0].size for runs in logs.values() for rows in runs)
    if not any(rows for runs in logs.values() for rows in runs):
        return False
    figure = Figure(figsize=(11 if scored else 6.5, 4.6), layout="constrained")
    axes = figure.subplots(1, 2 if scored else 1, squeeze=False)[0]
    for place, (name, runs) in enumerate(logs.items()):
        for seed, rows in enumerate(runs):
            label = name if seed == 0 else None
            axes[0].plot(*_thinned(*series(rows, "train/loss")), label=label, linewidth=1.2, alpha=0.8, **style(place))
            if scored:
                axes[1].plot(*series(rows, score), marker=".", linewidth=1.2, alpha=0.8, **style(place))
    axes[0].set_ylabel("loss")
    _logarithmic(axes[0])
    axes[0].set_title("Training", loc="left", fontweight="bold")
    if scored:
        axes[1].set_ylabel(f"{metric(select).heading}, mean over images")
        axes[1].set_title("Validation", loc="left", fontweight="bold")
    for axis in axes:
        axis.set_xlabel("training step")
        axis.set_xlim(left=0)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=_LEGEND_COLUMNS)
    save(figure, path)
    return True


def _logarithmic(axis: Axes) -> None:
    """Make the ordinate logarithmic, with plain numbers at it, unless a line is not above 0 everywhere."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axis.lines])
    if values.size and values.min() > 0:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())


def _thinned(steps: Any, values: Any) -> tuple[Any, Any]:
    """Return means of neighbours, so that some hundred points stay: a loss of every step is a band, not a line."""
    size = max(1, len(values) // 100)
    whole = len(values) // size * size
    return steps[:whole].reshape(-1, size).mean(axis=1), values[:whole].reshape(-1, size).mean(axis=1)


def draw_model_curves(curves: Mapping[str, dict[str, Any]], path: Path, *, title: str) -> None:
    """Draw ROC, precision-recall and calibration curves, a line a model, as a PNG.

    Args:
        curves: of each model by its name, one of ``Evaluation.curves``.
        path: the picture's file.
        title: which pixels these are.
    """
    from matplotlib.figure import Figure

    rows = -(-len(curves) // _LEGEND_COLUMNS)
    figure = Figure(figsize=(13, 4.8 + 0.22 * rows), layout="constrained")
    roc, precision, calibration = figure.subplots(1, 3)
    for axis in (roc, calibration):
        axis.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    for place, (name, curve) in enumerate(curves.items()):
        line: dict[str, Any] = {"linewidth": 1.7, **style(place)}
        roc.plot([0.0, *curve["false_positive_rate"]], [0.0, *curve["recall"]], label=name, **line)
        # The precision of a point holds from the recall before it: so the average precision is the area.
        own = [curve["precision"][0], *curve["precision"]]
        precision.plot([0.0, *curve["recall"]], own, drawstyle="steps-pre", **line)
        bins = curve["calibration"]
        calibration.plot(bins["probability"], bins["frequency"], marker=".", **line)
        if used := curve["used"]:
            dot = {"color": line["color"], "markeredgecolor": "white", "markersize": 8, "zorder": 3}
            roc.plot(used["false_positive_rate"], used["recall"], "o", **dot)
            if used["precision"] is not None:
                precision.plot(used["recall"], used["precision"], "o", **dot)
    for prevalence in {curve["prevalence"] for curve in curves.values()}:  # of each class its own
        precision.axhline(prevalence, color=GREY, linestyle=":", linewidth=1)
    for axis, heading, x, y in (
        (roc, "ROC (dotted: chance)", "false positive rate, 1 - TNR", "recall"),
        (precision, "Precision and recall (dotted: chance)", "recall", "precision"),
        (calibration, "Calibration (dotted: perfect)", "mean predicted probability in bin", "observed frequency"),
    ):
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y)
        axis.set_title(heading, loc="left", fontsize=10.5)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.legend(frameon=False, loc="outside lower center", ncols=_LEGEND_COLUMNS)
    save(figure, path)
