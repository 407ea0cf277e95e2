"""The learning curves of a run, as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxseg.data.palette import colours
from jaxseg.metrics import metric, score_key
from jaxseg.report.figures import save, span_scores
from jaxseg.report.tables import REGION_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8A8A8A"  # Okabe and Ito's, which colour-blind readers can tell apart
_STYLES: dict[str, dict[str, Any]] = {  # fov is drawn over full, and thinner: both show where they coincide
    "full": {"color": BLUE, "linewidth": 3.5, "marker": "o", "markersize": 7},
    "fov": {"color": ORANGE, "linewidth": 1.3, "marker": "o", "markersize": 3},
}
_BESIDE = {"recall": "--", "precision": ":"}  # metrics drawn beside the one that selects, and their dashes
_FEW = 40  # of fewer values each is marked, so that nobody takes the lines between them for values
_NARROWEST = 1.25  # largest by smallest loss of a logarithmic axis, at least


def selection_key(select: str, region: str = "full") -> str:
    """Return the name in ``metrics.jsonl`` of a metric on val: by that of the full image checkpoints are selected."""
    return score_key("val", region, "image_mean", select)


def series(rows: Sequence[dict[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps at which ``name`` was logged, and its values; other rows are left out."""
    found = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
    steps, values = zip(*found, strict=True) if found else ((), ())
    return np.array(steps), np.array(values, float)


def draw_curves(
    rows: Sequence[dict[str, Any]],
    path: Path,
    *,
    select: str,
    loss: str = "cross entropy per pixel",
    classes: Sequence[str] = (),
) -> None:
    """Draw training loss, learning rate and validation scores against the step, and write a PNG.

    Args:
        rows: of ``metrics.jsonl``: ``{"step": 50, "train/loss": ..., "train/learning_rate": ...}`` and
            ``{"step": 500, "val/full/image_mean/dice": ...}``.
        path: the picture's file.
        select: the metric that selects the best checkpoint, whose best step is marked.
        loss: what the training loss is, the label of its axis.
        classes: names of the classes, each with a curve of its own beside their mean.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    validated = series(rows, selection_key(select))[0].size > 0
    changing = np.unique(series(rows, "train/learning_rate")[1]).size > 1  # a constant rate needs no panel
    figure = Figure(figsize=(11 if validated else 6, 4.4), layout="constrained")
    halves = figure.subfigures(1, 2 if validated else 1, squeeze=False)[0]
    panels = halves[0].subplots(
        2 if changing else 1, 1, sharex=True, squeeze=False, height_ratios=[4, 1][: 1 + changing]
    )
    _loss(panels[0, 0], rows, loss)
    if changing:
        _learning_rate(panels[1, 0], rows)
    axes = list(panels[:, 0])
    if validated:
        axes.append(halves[1].subplots())
        _scores(axes[-1], rows, select, classes)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
        axis.set_xlim(0, 1.03 * max(row["step"] for row in rows))  # all panels alike
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    for axis in axes[-1 - validated :]:
        axis.set_xlabel("training step")
    save(figure, path)


def _loss(axis: Axes, rows: Sequence[dict[str, Any]], label: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    steps, loss = series(rows, "train/loss")
    axis.set_title("Training", loc="left", fontweight="bold")
    axis.set_ylabel(label.replace(", ", ",\n"))  # a long one would reach the panel below
    if loss.size == 0:
        axis.text(0.5, 0.5, "no loss is logged yet", transform=axis.transAxes, ha="center", color=GREY)
        axis.set_yticks([])
        return
    if loss.size < _FEW:
        axis.plot(steps, loss, color=BLUE, linewidth=1, marker="o", markersize=4, label="loss, as logged")
    else:
        axis.plot(steps, loss, color=BLUE, alpha=0.3, linewidth=1, label="loss, as logged")
        axis.plot(steps, _smooth(loss), color=BLUE, linewidth=2, label="loss, mean over a twentieth of the run")
    if loss.min() > 0:
        axis.set_yscale("log")
        if loss.max() < _NARROWEST * loss.min():
            middle, reach = np.sqrt(loss.min() * loss.max()), np.sqrt(_NARROWEST)
            axis.set_ylim(middle / reach, middle * reach)
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())
    axis.legend(frameon=False)


def _learning_rate(axis: Axes, rows: Sequence[dict[str, Any]]) -> None:
    steps, rate = series(rows, "train/learning_rate")
    axis.plot(steps, rate, color=GREY, linewidth=1.5)
    axis.set_ylabel("learning rate")
    axis.set_ylim(bottom=0)


def _lines(select: str, classes: Sequence[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each line of scores: its name in ``metrics.jsonl``, label and style."""
    from matplotlib.patheffects import withStroke

    heading = metric(select).heading
    mean = f"{heading}, mean over classes" if classes else heading
    for region, style in _STYLES.items():
        yield selection_key(select, region), f"{mean}, {REGION_NAMES[region]}", style
    for name, colour in zip(classes, colours(len(classes)) / 255, strict=True):
        score = score_key(f"val/classes/{name}", "full", "image_mean", select)
        yield (
            score,
            f"{heading} of {name}, {REGION_NAMES['full']}",
            {
                "color": colour,
                "linewidth": 1.8,
                "path_effects": [
                    withStroke(linewidth=2.8, foreground="#555555")
                ],  # so that a light colour shows on white
            },
        )
    for beside, dashes in _BESIDE.items():
        if beside != select:
            style = {"color": GREY, "linewidth": 1.2, "linestyle": dashes}
            yield selection_key(beside), f"{beside}, {REGION_NAMES['full']}", style


def _scores(axis: Axes, rows: Sequence[dict[str, Any]], select: str, classes: Sequence[str]) -> None:
    axis.set_ylabel("score, mean over images and classes" if classes else "score, mean over images")
    shown: list[float] = []
    for name, label, style in _lines(select, classes):
        steps, values = series(rows, name)
        if steps.size:
            marked = {"marker": "o", "markersize": 3} if steps.size < _FEW else {}
            axis.plot(steps, values, label=label, **(marked | style))
            shown += values.tolist()
    span_scores(axis, shown)
    steps, values = series(rows, selection_key(select))
    best = values.size - 1 - int(values[::-1].argmax())  # of equals the newest, as the checkpoint is chosen
    axis.plot(steps[best], values[best], marker="*", markersize=16, color=BLUE, markeredgecolor="white", zorder=3)
    axis.set_title("Validation", loc="left", fontweight="bold")
    title = f"★ best {metric(select).heading} {values[best]:.4f} at step {steps[best]:,}"
    axis.set_title(title, loc="right", color=BLUE)
    axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=9)  # beside no line


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the centred running mean over a twentieth of the run; the window is cut at both ends."""
    reach = max(1, values.size // 40)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(values.size)
    low, high = np.maximum(index - reach, 0), np.minimum(index + reach + 1, values.size)
    return (sums[high] - sums[low]) / (high - low)
