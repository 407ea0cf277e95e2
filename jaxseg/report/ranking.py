"""The score of every image from the worst to the best: a mean alone hides how much images differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxseg.data.palette import colours
from jaxseg.metrics import REGIONS, Evaluation, metric
from jaxseg.report.figures import save, span_scores
from jaxseg.report.learning_curves import BLUE, ORANGE
from jaxseg.report.tables import REGION_NAMES

# If a model finds nothing outside the field of view, both regions score alike: a dot within a ring shows both.
_DOTS: dict[str, dict[str, Any]] = {
    "full": {"color": BLUE, "markersize": 9, "fillstyle": "none", "markeredgewidth": 1.8},
    "fov": {"color": ORANGE, "markersize": 4.5},
}
_MEANS: dict[str, dict[str, Any]] = {
    "full": {"color": BLUE, "linewidth": 3, "alpha": 0.6},
    "fov": {"color": ORANGE, "linewidth": 1.2},
}
_NAMED = 40  # the most images that are named on the axis
_APART = 100  # the most images whose dots are drawn large


def draw_ranking(evaluation: Evaluation, path: Path, *, select: str, title: str) -> None:
    """Draw one dot per image and region, ordered by the score of the full image, the means as lines; write a PNG.

    Of several classes these are means over the classes, and each class has dots of its own for the full image. An image
    whose score is undefined has no dot.

    Args:
        evaluation: the scores.
        path: the picture's file.
        select: the metric.
        title: which images these are.
    """
    from matplotlib.figure import Figure

    classes = evaluation.summary.get("classes", {})
    order = [row["id"] for row in evaluation.ranked(select, "full")]
    figure = Figure(figsize=(min(10.0, 6 + 0.4 * len(order)), 4.8), layout="constrained")
    axis = figure.subplots()
    size = 1.0 if len(order) <= _APART else 0.5
    for region in REGIONS:
        scores = {row["id"]: row[select] for row in evaluation.ranked(select, region)}
        if not scores:
            continue
        mean = evaluation.summary[region]["image_mean"][select]
        places = [place for place, name in enumerate(order) if name in scores]
        label = f"{REGION_NAMES[region]}{', mean over classes' if classes else ''}, mean {mean:.4f}"
        axis.plot(places, [scores[order[place]] for place in places], "o", label=label, **_dots(region, size))
        axis.axhline(mean, **_MEANS[region])
        human = (evaluation.observer2 or {}).get(region)
        if human and (value := human["image_mean"][select]) is not None:  # a second observer has no AUC
            label = f"observer 2, {REGION_NAMES[region]}, mean {value:.4f}"
            axis.axhline(value, linestyle=":", label=label, **_MEANS[region])
    for name, colour in zip(classes, colours(len(classes)) / 255, strict=True):
        scores = {row["id"]: row[select] for row in evaluation.rows if (row["region"], row["class"]) == ("full", name)}
        values = [np.nan if scores[image] is None else scores[image] for image in order]
        mean = classes[name]["full"]["image_mean"][select]
        label = f"{name}, mean {'undefined' if mean is None else f'{mean:.4f}'}"
        edge = {"markeredgecolor": "black", "markeredgewidth": 0.5}  # so that a light colour shows on white
        axis.plot(values, "o", color=colour, markersize=4.5 * size, label=label, **edge)
    span_scores(axis, [value for line in axis.lines for value in np.asarray(line.get_ydata(), float).tolist()])
    beside = max(0.6, 0.01 * len(order))  # a single image has an axis, too
    axis.set_xlim(-beside, len(order) - 1 + beside)
    if len(order) <= _NAMED:
        axis.set_xticks(range(len(order)), order, rotation=45, ha="right", fontsize=8)
    axis.set_xlabel("1 image" if len(order) == 1 else f"{len(order)} images, from the worst to the best")
    axis.set_ylabel(f"{metric(select).heading} of one image")
    axis.set_title(title, loc="left", fontweight="bold")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", alpha=0.25)
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    save(figure, path)


def _dots(region: str, size: float) -> dict[str, Any]:
    style = _DOTS[region]
    return style | {"markersize": size * style["markersize"]}
