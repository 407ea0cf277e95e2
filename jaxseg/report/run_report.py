"""An evaluation in a run's folder: its scores, what they depend on, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxseg.data.records import Record
from jaxseg.metrics import Evaluation, decide, metric
from jaxseg.report.learning_curves import draw_curves, selection_key, series
from jaxseg.report.overlays import Example, choose, draw_examples
from jaxseg.report.ranking import draw_ranking
from jaxseg.report.score_curves import draw_score_curves
from jaxseg.report.tables import write_curves, write_scores
from jaxseg.runs.folder import read_config
from jaxseg.runs.log import NAME, read_metrics
from jaxseg.runs.members import read_members

LEARNING_CURVES = "learning_curves.png"
_PAPERS = "cross entropy per pixel"  # the loss of the paper and of runs that say nothing else


@runtime_checkable
class Predicts(Protocol):
    """What a report needs of a predictor; ``inference.Predictor`` is one."""

    step: int | None

    def __call__(self, image: np.ndarray) -> np.ndarray: ...

    def prepared(self, image: np.ndarray) -> np.ndarray: ...

    def describe(self) -> str: ...


def write_run(
    workdir: str | Path,
    evaluation: Evaluation,
    *,
    split: str,
    predictor: Predicts,
    records: Sequence[Record],
    name: str = "",
) -> None:
    """Write the tables and pictures of an evaluation into a run's folder.

    ``eval/<name>.{json,csv,md}``, ``figures/<name>_examples.png``, ``figures/<name>_ranking.png``,
    ``eval/curves/<name>.json`` and ``figures/<name>_curves.png`` if the evaluation has curves, and
    ``figures/learning_curves.png`` if the run has a ``metrics.jsonl``.
    The pictures show and order images by the metric that selected the checkpoint.

    Args:
        workdir: the run's folder, with its ``config.json``.
        evaluation: the scores.
        split: train, val, test, shifted_val or shifted_test.
        predictor: what was scored; it predicts the examples once more.
        records: what it was scored on, in the evaluation's order.
        name: of the evaluation: the split, which is the default, and ``_`` with what is not as the run's config says.

    Raises:
        FileNotFoundError: the folder holds no run.
        ValueError: its ``config.json`` is damaged.
    """
    workdir, name = Path(workdir), name or split
    rows = read_metrics(workdir)
    config = read_config(workdir)
    select = config["eval"]["select"]
    if members := read_members(workdir):
        facts: dict[str, Any] = {"members": [member._asdict() for member in members], "checkpoint_step": None}
    else:
        rule = checkpoint_rule(rows, predictor.step, select)
        facts = {"seed": config["seed"], "checkpoint_step": predictor.step, "checkpoint_rule": rule}
    facts["prediction"] = predictor.describe()
    write_scores(workdir / "eval", split, evaluation, facts, name=name)
    write_curves(workdir / "eval" / "curves", split, evaluation, facts, name=name)
    figures, classes = workdir / "figures", tuple(evaluation.summary.get("classes", {}))
    figures.mkdir(exist_ok=True)
    if rows:
        draw_curves(rows, figures / LEARNING_CURVES, select=select, loss=loss_told(config["loss"]), classes=classes)
    ranked, heading = evaluation.ranked(select, "full"), metric(select).heading
    if chosen := choose(ranked):
        title = f"{split}: {', '.join(place for place, _ in chosen)} of {len(ranked)} images "
        scored = f"{'full image, mean over classes' if classes else 'full image'}, {evaluation.scored_at} size"
        title += f"by {heading} ({scored})"
        examples = [
            _example(f"{place}  ·  {row['id']}  ·  {heading} {row[select]:.4f}", row, evaluation, predictor, records)
            for place, row in chosen
        ]
        path = figures / f"{name}_examples.png"
        draw_examples(examples, path, title=title, threshold=evaluation.threshold, classes=classes)
        title = f"{split}: {heading} image by image ({evaluation.decision()}, {evaluation.scored_at} size)"
        draw_ranking(evaluation, figures / f"{name}_ranking.png", select=select, title=title)
    picture = figures / f"{name}_curves.png"
    if evaluation.curves:
        title = f"{split}: pooled pixels of {len(evaluation.ids)} images ({evaluation.scored_at} size)"
        title += "; dots: the threshold in use" if evaluation.curves[0]["used"] else ""
        draw_score_curves(evaluation.curves, picture, title=title, classes=classes)
    else:  # that of an evaluation before would stand beside these scores
        picture.unlink(missing_ok=True)


def checkpoint_rule(rows: Sequence[dict[str, Any]], step: int | None, select: str) -> str:
    """Return how the checkpoint of ``step`` was chosen.

    Args:
        rows: of the run's ``metrics.jsonl``.
        step: the checkpoint's step.
        select: the metric that selects the best checkpoint.
    """
    if not rows:
        return f"unknown ({NAME} is gone)"
    score = selection_key(select)
    steps, values = series(rows, score)
    if values.size:
        return f"best {score}" if step in steps[values == values.max()] else f"not the best {score}"
    scored = any(name.startswith("val/") for row in rows for name in row)
    return f"latest step ({score} is undefined)" if scored else "latest step (no val split)"


def _example(
    title: str, row: dict[str, Any], evaluation: Evaluation, predictor: Predicts, records: Sequence[Record]
) -> Example:
    record = records[evaluation.ids.index(row["id"])]
    predict = predictor.prepared if evaluation.scored_at == "prepared" else predictor
    probability = predict(record.seen)
    return Example(
        title=title,
        image=record.image,
        truth=record.mask,
        probability=probability,
        predicted=decide(probability, evaluation.threshold, evaluation.reconnect),
        fov=None if record.fov is None else record.fov == 1,
    )


def loss_told(settings: dict[str, Any]) -> str:
    """Return what the training loss is, in words; ``settings`` are those of ``config.loss``."""
    name = _PAPERS if settings["name"] == "cross_entropy" else f"loss: {settings['name']}"
    return name if settings["region"] == "full" else f"{name}, in the field of view"
