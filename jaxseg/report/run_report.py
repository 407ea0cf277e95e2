"""``report.md`` of a run: its scores, what they depend on, and pictures."""

from __future__ import annotations

import operator
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxseg import files
from jaxseg.data.records import Record
from jaxseg.metrics import Evaluation, decide, metric
from jaxseg.models import describe
from jaxseg.progress import clock
from jaxseg.report.learning_curves import draw_curves, selection_key, series
from jaxseg.report.overlays import Example, choose, draw_examples
from jaxseg.report.ranking import draw_ranking
from jaxseg.report.score_curves import draw_score_curves
from jaxseg.report.tables import write_curves, write_scores
from jaxseg.runs.folder import read, read_config, read_starts
from jaxseg.runs.log import NAME, read_metrics
from jaxseg.runs.members import read_members

_CURVES = "learning_curves.png"
_PAPERS = "cross entropy per pixel"  # the loss of the paper and of runs that say nothing else
_SPLITS = ("test", "shifted_test", "val", "shifted_val", "train")  # in the order of the report


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
) -> Path:
    """Write the tables and pictures of an evaluation into a run's folder, and return the path of ``report.md``.

    ``eval/<name>.{json,csv,md}``, ``figures/<name>_examples.png``, ``figures/<name>_ranking.png``,
    ``eval/curves/<name>.json`` and ``figures/<name>_curves.png`` if the evaluation has curves,
    ``figures/learning_curves.png`` if the run has a ``metrics.jsonl``, and ``report.md`` with every evaluation so far.
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
        draw_curves(rows, figures / _CURVES, select=select, loss=_loss(config["loss"]), classes=classes)
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
        draw_score_curves(evaluation.curves, picture, title=title)
    else:  # that of an evaluation before would stand beside these scores
        picture.unlink(missing_ok=True)
    return _write_report(workdir, config, rows)


def _write_report(workdir: Path, config: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Path:
    """Write ``report.md`` of a run's config, log, scores of every split and pictures; return its path."""
    model, data, train = config["model"], config["data"], config["train"]
    loss = _loss(config["loss"])
    told = "" if loss == _PAPERS else f", {loss}"
    told += "" if data["inputs"] == ["rgb"] else f", on the inputs {', '.join(data['inputs'])}"
    lines = [
        f"# {workdir.resolve().name}",
        "",
        f"{describe(model)} with attention `{model['attention']}`, trained on `{data['name']}` for "
        f"{train['steps']:,} steps of {train['batch_size']} images, {_seeds(workdir, config)}{told}. All settings: "
        "[config.json](config.json); software and devices: [environment.json](environment.json); which images are in "
        "which split: [data.json](data.json).",
        "",
        _circumstances(workdir, rows),
        "",
    ]
    for name in _evaluations(workdir):
        lines += _scores(workdir, name)
    if (workdir / "figures" / _CURVES).exists():
        lines += ["## Learning curves", "", f"![learning curves](figures/{_CURVES})", ""]
    lines += ["For research; not a medical device."]
    report = workdir / "report.md"
    files.write(report, ("\n".join(lines) + "\n").encode())
    return report


def _seeds(workdir: Path, config: dict[str, Any]) -> str:
    members = read_members(workdir)
    seeds = ", ".join(dict.fromkeys(str(member.seed) for member in members))
    return f"seeds {seeds}: the mean of {len(members)} networks" if members else f"seed {config['seed']}"


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


def _loss(settings: dict[str, Any]) -> str:
    """Return what the training loss is, for the axis of its curve."""
    name = _PAPERS if settings["name"] == "cross_entropy" else f"loss: {settings['name']}"
    return name if settings["region"] == "full" else f"{name}, in the field of view"


def _circumstances(workdir: Path, rows: Sequence[dict[str, Any]]) -> str:
    """Return on how many images a run was trained, in which time, on what, and by which command."""
    splits = read(workdir / "data.json", operator.itemgetter("splits"))
    told = ", ".join(f"{split['num_images']} {name}" for name, split in splits.items() if split)
    lines = [f"Images: {told}."]
    if members := read_members(workdir):
        listed = ", ".join(f"`{member.run}` (seed {member.seed}, {member.checkpoint})" for member in members)
        return f"{lines[0]} Networks: {listed}."
    starts = read_starts(workdir)
    if rows and "seconds" in rows[-1]:
        again = f", over {len(starts)} starts" if len(starts) > 1 else ""
        lines.append(
            f"Time, with scoring and compiling: {clock(rows[-1]['seconds'])} up to step {rows[-1]['step']}{again}."
        )
    if starts:
        devices = starts[-1]["devices"]
        lines.append(f"On {len(devices)} x {devices[0]}, by `{shlex.join(starts[-1]['command'])}`.")
    return " ".join(lines)


def _evaluations(workdir: Path) -> list[str]:
    """Return the names of a run's evaluations by split, that of the run's own protocol first."""
    names = sorted(path.stem for path in (workdir / "eval").glob("*.md") if path.with_suffix(".json").exists())
    return [name for split in _SPLITS for name in names if name == split or name.startswith(f"{split}_")]


def _scores(workdir: Path, name: str) -> list[str]:
    split = next(split for split in _SPLITS if name == split or name.startswith(f"{split}_"))
    protocol = name.removeprefix(split).removeprefix("_")
    heading = f"## Scores on {split}" + (f", not as configured: {protocol.replace('_', ', ')}" if protocol else "")
    csv = f"Image by image: [{name}.csv](eval/{name}.csv)."
    lines = [heading, "", (workdir / "eval" / f"{name}.md").read_text().rstrip(), "", csv, ""]
    for kind in ("examples", "ranking", "curves"):
        if (workdir / "figures" / f"{name}_{kind}.png").exists():
            lines += [f"![{kind} of {name}](figures/{name}_{kind}.png)", ""]
    return lines
