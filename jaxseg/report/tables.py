"""Scores as files: ``eval/<split>.json`` for machines, ``.csv`` for spreadsheets, ``.md`` for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxseg import files
from jaxseg.metrics import FIXED, NONE, REGIONS, RULES, SD_DDOF, Counts, Evaluation, metric
from jaxseg.report.document import Cell, Column, Measured, Table

REGION_NAMES = {"full": "full image", "fov": "field of view"}


def write_scores(folder: Path, split: str, evaluation: Evaluation, facts: dict[str, Any], *, name: str) -> None:
    """Write ``<name>.json``, ``<name>.csv`` and ``<name>.md`` into ``folder``, which is made if it does not exist.

    Args:
        folder: the run's ``eval/``.
        split: train, val, test, shifted_val or shifted_test.
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
    told = to_json(split, evaluation, facts)
    headings = [metric(name).heading for name in evaluation.metrics]
    classes = ["class"] if "classes" in told else []
    lines = [
        conditions(told),
        "",
        _line("scored", *classes, "split", "region", "reduction", *headings),
        _line("---", *(["---"] if classes else []), "---", "---", "---", *["---:"] * len(headings)),
    ]
    lines += [_line(*what, split, *cells) for what, summary in scored(told) for cells in _rows(summary)]
    return "\n".join([*lines, "", *(f"{note}  " for note in evaluation_notes(told)), ""])


def scored(told: dict[str, Any]) -> list[tuple[list[str], dict[str, Any]]]:
    """Return each summary of an evaluation with whose it is, and in a word of its own of which class.

    Args:
        told: ``eval/<name>.json``.
    """
    found = []
    for who, summary in (("model", told), ("observer 2", told.get("observer2"))):
        if summary:
            images = {"num_images": summary["num_images"]}
            classes = summary.get("classes", {})
            found.append(([who, *(["mean over classes"] if classes else [])], summary))
            found += [([who, name], images | regions) for name, regions in classes.items()]
    return found


def conditions(told: dict[str, Any]) -> str:
    """Return a line of what an evaluation's numbers depend on: threshold, size, checkpoint; ``told`` as ``scored``."""
    threshold, rule = told["threshold"], RULES.get(told.get("threshold_rule", FIXED))
    if "classes" in told:
        several = threshold if isinstance(threshold, list | tuple) else () if threshold is None else (threshold,)
        given = ", ".join(f"{at:g}" for at in several)
        words = {"class of a pixel": f"threshold {given}" if given else "the most probable class"}
    else:
        words = {"threshold": f"{threshold} ({rule.says})" if rule else f"{threshold}"}
    words |= {"scored at": f"{told['scored_at']} size"}
    words |= {name: value for name, value in told.items() if name not in _KNOWN and value is not None}
    return "; ".join(f"{name.replace('_', ' ')}: {_words(value)}" for name, value in words.items())


def _words(value: Any) -> str:
    """Return a condition as text; the members of an ensemble are dictionaries."""
    if not isinstance(value, list):
        return f"{value}"
    return ", ".join(f"{member['run']} ({member['checkpoint']}, step {member['step']})" for member in value)


# What an evaluation's file holds beside what its numbers depend on, or ``conditions`` tells first.
_KNOWN = (
    "num_images", "full", "fov", "classes", "notes", "split", "threshold", "threshold_rule", "scored_at",
    "image_sd_ddof", "observer2", "temperature_rule", "calibration",
)  # fmt: skip


def evaluation_table(
    name: str,
    title: str,
    told: dict[str, Any],
    intervals: dict[str, tuple[float, float]],
    select: str,
    notes: Sequence[str],
) -> Table:
    """Return an evaluation's scores as a table of a page: a row a region and reduction, of model and observer.

    Args:
        name: of its files.
        title: what it shows.
        told: ``eval/<name>.json``.
        intervals: by region that of the model's mean of the metric that selects.
        select: that metric.
        notes: sentences beneath it.
    """
    names = list(told["full"]["image_mean"])
    words = ("scored", "class", "region", "reduction") if "classes" in told else ("scored", "region", "reduction")
    columns = [Column(one, one.capitalize()) for one in words]
    columns += [Column("images", "Images", 0), *(Column(one, metric(one).heading, 4) for one in names)]
    rows: list[dict[str, Cell]] = []
    for what, summary in scored(told):
        for region in filter(summary.__contains__, REGIONS):
            found = summary[region]
            place: dict[str, Cell] = dict(zip(words, [*what, REGION_NAMES[region]], strict=False))
            place["images"] = found.get("num_images", summary["num_images"])
            own = {select: intervals[region]} if summary is told and region in intervals else {}
            means: dict[str, Cell] = {
                one: Measured(mean, found["image_sd"][one], *own.get(one, ()))
                for one, mean in found["image_mean"].items()
            }
            rows.append(place | {"reduction": "mean ± SD of images"} | means)
            rows.append(place | {"reduction": "pooled pixels"} | found["pooled"])
    return Table(name, title, tuple(columns), rows, tuple(notes))


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


def evaluation_notes(told: dict[str, Any]) -> Iterator[str]:
    """Yield sentences on how an evaluation's numbers are made, and what they leave out; ``told`` as ``scored``."""
    if "observer2" in told:
        yield "Observer 2 is the second human observer, scored against the first as a prediction would be."
    if calibration := told.get("calibration"):
        before, after = calibration["before"], calibration["after"]
        errors = "; ".join(
            f"{metric(name).heading} {_number(before[name])} before, {_number(after[name])} after" for name in before
        )
        yield (
            f"Temperature scaling, T = {told['temperature']:g}, which minimises cross entropy on val. Calibration on "
            f"the scored images: {errors}."
        )
    for row in map(metric, told["full"]["image_mean"]):
        if row.says:
            yield f"{row.heading}: {row.says}."
    if told["num_images"] > 1:
        yield f"SD: over images, divided by n - {SD_DDOF}."
    classes = told.get("classes", {})
    if classes:
        yield (
            "Each class is scored against all other pixels. Mean over classes: every value, SDs included, is averaged "
            "over the classes for which it is defined."
        )
    for name, summary in classes.items() or {"": told}.items():
        for region in REGIONS:
            for score, number in summary.get(region, {}).get("undefined", {}).items():
                what = f"{metric(score).heading} {f'of {name} ' if name else ''}({REGION_NAMES[region]})"
                yield f"{what} is undefined for {number} images, which its mean leaves out."
    yield from (f"Note: {note}." for note in told.get("notes", ()))


def _number(value: float | None, spread: float | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if spread is None else f"{value:.4f} ± {spread:.4f}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
