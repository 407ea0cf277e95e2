"""Every image's Dice from the worst to the best, so that a mean does not hide what it is a mean of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxseg.metrics import REGIONS, Evaluation
from jaxseg.report.learning_curves import BLUE, ORANGE
from jaxseg.report.tables import REGION_NAMES

# Where a model finds nothing outside the field of view both regions score alike: a dot within a ring shows both.
_DOTS: dict[str, dict[str, Any]] = {
    "full": {"color": BLUE, "markersize": 9, "fillstyle": "none", "markeredgewidth": 1.8},
    "fov": {"color": ORANGE, "markersize": 4.5},
}
_MEANS: dict[str, dict[str, Any]] = {
    "full": {"color": BLUE, "linewidth": 3, "alpha": 0.6},
    "fov": {"color": ORANGE, "linewidth": 1.2},
}
_NAMED = 40  # images up to which each is named on the axis


def draw_ranking(evaluation: Evaluation, path: Path, *, title: str) -> None:
    """Draw one dot an image and region, ordered by the full image's Dice, with the means as lines; write a PNG.

    Args:
        evaluation: the scores.
        path: the picture's file.
        title: which images these are.
    """
    from matplotlib.figure import Figure

    order = [row["id"] for row in evaluation.ranked("dice", "full")]
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    axis = figure.subplots()
    for region in REGIONS:
        dice = {row["id"]: row["dice"] for row in evaluation.ranked("dice", region)}
        if not dice:
            continue
        mean = evaluation.summary[region]["image_mean"]["dice"]
        places = [place for place, name in enumerate(order) if name in dice]
        label = f"{REGION_NAMES[region]}, mean {mean:.4f}"
        axis.plot(places, [dice[order[place]] for place in places], "o", label=label, **_DOTS[region])
        axis.axhline(mean, **_MEANS[region])
        if human := (evaluation.observer2 or {}).get(region):
            value = human["image_mean"]["dice"]
            label = f"observer 2, {REGION_NAMES[region]}, mean {value:.4f}"
            axis.axhline(value, linestyle=":", label=label, **_MEANS[region])
    if len(order) <= _NAMED:
        axis.set_xticks(range(len(order)), order, rotation=45, ha="right", fontsize=8)
    axis.set_xlabel(f"{len(order)} images, from the worst to the best")
    axis.set_ylabel("Dice of one image")
    axis.set_title(title, loc="left", fontweight="bold")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", alpha=0.25)
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=150)
