"""Scores as files: ``eval/<split>.json`` for machines, ``.csv`` for spreadsheets, ``.md`` for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxseg.metrics import METRICS, REGIONS, SD_DDOF, Counts, Evaluation

REGION_NAMES = {"full": "full image", "fov": "field of view"}


def write_scores(folder: Path, split: str, evaluation: Evaluation, facts: dict[str, Any]) -> None:
    """Write ``<split>.json``, ``<split>.csv`` and ``<split>.md`` into ``folder``, which is made if it does not exist.

    Args:
        folder: the run's ``eval/``.
        split: train, val or test.
        evaluation: the scores.
        facts: what else the numbers depend on: ``seed``, ``checkpoint_step`` ...
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{split}.json").write_text(json.dumps(to_json(split, evaluation, facts), indent=2) + "\n")
    (folder / f"{split}.csv").write_text(to_csv(evaluation))
    (folder / f"{split}.md").write_text(to_markdown(split, evaluation, facts))


def to_json(split: str, evaluation: Evaluation, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the summary, what its numbers depend on, and the second observer's summary, if any."""
    return {
        **evaluation.summary,
        "split": split,
        "threshold": evaluation.threshold,
        "scored_at": evaluation.scored_at,
        "image_sd_ddof": SD_DDOF,
        **facts,
        **({"observer2": evaluation.observer2} if evaluation.observer2 else {}),
    }


def to_csv(evaluation: Evaluation) -> str:
    """Return one line per image and region: id, region, the metrics (empty where undefined), tp fp fn tn."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "region", *METRICS, *Counts._fields], lineterminator="\n")
    writer.writeheader()
    writer.writerows(evaluation.rows)
    return text.getvalue()


def to_markdown(split: str, evaluation: Evaluation, facts: dict[str, Any]) -> str:
    """Return a line of what the numbers depend on, and a table whose every row names split, region and reduction."""
    conditions = {"threshold": evaluation.threshold, "scored at": f"{evaluation.scored_at} size"} | facts
    headings = [metric.heading for metric in METRICS.values()]
    lines = [
        "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in conditions.items()),
        "",
        _line("scored", "split", "region", "reduction", *headings),
        _line("---", "---", "---", "---", *["---:"] * len(METRICS)),
    ]
    for scored, summary in (("model", evaluation.summary), ("observer 2", evaluation.observer2)):
        lines += [_line(scored, split, *cells) for cells in _rows(summary)] if summary else []
    return "\n".join([*lines, "", *_notes(evaluation), ""])


def _rows(summary: dict[str, Any]) -> Iterator[list[str]]:
    for region in REGIONS:
        if region not in summary:
            continue
        scores = summary[region]
        images = scores.get("num_images", summary["num_images"])
        spreads = scores["image_sd"]
        means = [_number(scores["image_mean"][metric], spreads[metric]) for metric in METRICS]
        yield [REGION_NAMES[region], f"mean ± SD of {images} images", *means]
        yield [REGION_NAMES[region], "pooled pixels", *(_number(scores["pooled"][metric]) for metric in METRICS)]


def _notes(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.observer2:
        yield "Observer 2 is the second human observer, scored against the first as a prediction would be.  "
    if evaluation.summary["num_images"] > 1:
        yield f"SD: over images, divided by n - {SD_DDOF}.  "
    for region in REGIONS:
        for metric, number in evaluation.summary.get(region, {}).get("undefined", {}).items():
            heading = METRICS[metric].heading
            yield f"{heading} ({REGION_NAMES[region]}) is undefined for {number} images, which its mean leaves out.  "
    yield from (f"Note: {note}.  " for note in evaluation.summary.get("notes", ()))


def _number(value: float | None, spread: float | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if spread is None else f"{value:.4f} ± {spread:.4f}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
