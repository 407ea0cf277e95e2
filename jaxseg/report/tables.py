"""Scores as files: ``eval/<split>.json`` for machines, ``.csv`` for spreadsheets, ``.md`` for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxseg import files
from jaxseg.metrics import FIXED, NONE, REGIONS, RULES, SD_DDOF, Counts, Evaluation, metric

REGION_NAMES = {"full": "full image", "fov": "field of view"}


def write_scores(folder: Path, split: str, evaluation: Evaluation, facts: dict[str, Any], *, name: str) -> None:
    """Write ``<name>.json``, ``<name>.csv`` and ``<name>.md`` into ``folder``, which is made if it does not exist.

    Args:
        folder: the run's ``eval/``.
        split: train, val or test.
        evaluation: the scores.
        facts: what else the numbers depend on: ``seed``, ``checkpoint_step`` ...
        name: of the evaluation.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / f"{name}.json", to_json(split, evaluation, facts))
    files.write(folder / f"{name}.csv", to_csv(evaluation).encode())
    files.write(folder / f"{name}.md", to_markdown(split, evaluation, facts).encode())


def write_curves(folder: Path, split: str, evaluation: Evaluation, facts: dict[str, Any], *, name: str) -> None:
    """Write ``<name>.json`` with the evaluation's curves into ``folder``; without curves, no file stays there.

    Apart from ``write_scores``: every file of that folder is an evaluation. Arguments as there.
    """
    path = folder / f"{name}.json"
    if evaluation.curves is None:
        path.unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    told = {"split": split, "scored_at": evaluation.scored_at, **facts, "curves": evaluation.curves}
    files.write_json(path, told)


def to_json(split: str, evaluation: Evaluation, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the summary, what its numbers depend on, and the second observer's summary, if any."""
    return {
        **evaluation.summary,
        "split": split,
        "threshold": None
        if evaluation.threshold == ()
        else evaluation.threshold,  # null: a pixel got the most probable class
        **({} if evaluation.threshold_rule == FIXED else {"threshold_rule": evaluation.threshold_rule}),
        **_temperature(evaluation),
        "scored_at": evaluation.scored_at,
        "image_sd_ddof": SD_DDOF,
        **facts,
        **({"observer2": evaluation.observer2} if evaluation.observer2 else {}),
    }


def _temperature(evaluation: Evaluation) -> dict[str, Any]:
    """Return a temperature that was fitted, with the calibration errors of all pixels before and after it."""
    if evaluation.temperature_rule == NONE:
        return {}
    names = ("temperature", "temperature_rule", "calibration")
    return {name: getattr(evaluation, name) for name in names}


def to_csv(evaluation: Evaluation) -> str:
    """Return one line per image, region and class: id, region, class, the metrics (empty where undefined), tp fp fn tn.

    There is no column for the class where there is one foreground. A name that a spreadsheet would take for a formula
    (it begins with ``=``, ``+``, ``-`` or ``@``) gets an apostrophe before it.
    """
    text = io.StringIO()
    place = ["id", "region", *(["class"] if "classes" in evaluation.summary else [])]
    writer = csv.DictWriter(text, [*place, *evaluation.metrics, *Counts._fields], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {name: _cell(row[name]) for name in place} for row in evaluation.rows)
    return text.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def to_markdown(split: str, evaluation: Evaluation, facts: dict[str, Any]) -> str:
    """Return a line of what the numbers depend on, and a table whose every row names split, region and reduction."""
    classes = evaluation.summary.get("classes", {})
    threshold = {"class of a pixel": evaluation.decision()} if classes else {"threshold": _threshold(evaluation)}
    conditions = {**threshold, "scored at": f"{evaluation.scored_at} size"} | facts
    headings = [metric(name).heading for name in evaluation.metrics]
    # The rows of the table: whose scores, and in a column of their own of which class.
    scored = []
    for who, summary in (("model", evaluation.summary), ("observer 2", evaluation.observer2)):
        if summary:
            images = {"num_images": summary["num_images"]}
            scored.append(([who, *(["mean over classes"] if classes else [])], summary))
            scored += [([who, name], images | regions) for name, regions in summary.get("classes", {}).items()]
    lines = [
        "; ".join(
            f"{name.replace('_', ' ')}: {_words(value)}" for name, value in conditions.items() if value is not None
        ),
        "",
        _line("scored", *(["class"] if classes else []), "split", "region", "reduction", *headings),
        _line("---", *(["---"] if classes else []), "---", "---", "---", *["---:"] * len(headings)),
    ]
    lines += [_line(*what, split, *cells) for what, summary in scored for cells in _rows(summary)]
    return "\n".join([*lines, "", *_notes(evaluation), ""])


def _words(value: Any) -> str:
    """Return a condition as text; the members of an ensemble are dictionaries."""
    if not isinstance(value, list):
        return f"{value}"
    return ", ".join(f"{member['run']} ({member['checkpoint']}, step {member['step']})" for member in value)


def _threshold(evaluation: Evaluation) -> str:
    rule = RULES.get(evaluation.threshold_rule)
    return f"{evaluation.threshold} ({rule.says})" if rule else f"{evaluation.threshold}"


def _rows(summary: dict[str, Any]) -> Iterator[list[str]]:
    for region in REGIONS:
        if region not in summary:
            continue
        scores = summary[region]
        images = scores.get("num_images", summary["num_images"])
        spreads = scores["image_sd"]
        means = [_number(value, spreads[name]) for name, value in scores["image_mean"].items()]
        yield [REGION_NAMES[region], f"mean ± SD of {images} images", *means]
        yield [REGION_NAMES[region], "pooled pixels", *map(_number, scores["pooled"].values())]


def _notes(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.observer2:
        yield "Observer 2 is the second human observer, scored against the first as a prediction would be.  "
    if evaluation.calibration:
        before, after = evaluation.calibration["before"], evaluation.calibration["after"]
        errors = [f"{metric(name).heading} {_number(before[name])}, then {_number(after[name])}" for name in before]
        yield f"Temperature {evaluation.temperature:g}, of the smallest cross entropy on val: {'; '.join(errors)}.  "
    for row in map(metric, evaluation.metrics):
        if row.says:
            yield f"{row.heading}: {row.says}.  "
    if evaluation.summary["num_images"] > 1:
        yield f"SD: over images, divided by n - {SD_DDOF}.  "
    classes = evaluation.summary.get("classes", {})
    if classes:
        yield "A class is scored against the rest. Their mean is that of their numbers, SD too, as far as defined.  "
    for name, summary in classes.items() or {"": evaluation.summary}.items():
        for region in REGIONS:
            for score, number in summary.get(region, {}).get("undefined", {}).items():
                what = f"{metric(score).heading} {f'of {name} ' if name else ''}({REGION_NAMES[region]})"
                yield f"{what} is undefined for {number} images, which its mean leaves out.  "
    yield from (f"Note: {note}.  " for note in evaluation.summary.get("notes", ()))


def _number(value: float | None, spread: float | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if spread is None else f"{value:.4f} ± {spread:.4f}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
