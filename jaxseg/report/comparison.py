"""A comparison of models as text, as a table for spreadsheets, and as files with its picture."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxseg import files
from jaxseg.metrics import RULES, metric
from jaxseg.report.critical_difference import draw_critical_difference
from jaxseg.report.tables import REGION_NAMES

COMPARISON_FILES = ("comparison.json", "comparison.csv", "comparison.md", "ranks.png")
_NARROW = 0.01  # an interval that covers less than its level by more is told to


def write_comparison(folder: Path, found: dict[str, Any]) -> None:
    """Write ``COMPARISON_FILES`` into a folder, which is made if it does not exist; no picture where nothing is ranked.

    Args:
        folder: the place.
        found: what ``jobs.compare`` returns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / "comparison.json", found)
    files.write(folder / "comparison.csv", comparison_csv(found).encode())
    files.write(folder / "comparison.md", comparison_text(found).encode())
    if found["ranks"] is not None:
        draw_critical_difference(found["ranks"], folder / "ranks.png", title=_title(found))


def comparison_csv(found: dict[str, Any]) -> str:
    """Return one line a model: its mean, then with ``over_images_`` and ``over_seeds_`` before them the differences.

    Pairs among the other models are in the JSON and the text.
    """
    rows = [dict(row) for row in found["models"]]
    for kind in ("over_images", "over_seeds"):
        for row, difference in zip(rows[1:], found[kind], strict=True):
            row |= {f"{kind}_{name}": value for name, value in difference.items() if name not in row or name in _BOTH}
    if found["ranks"] is not None:
        for row, rank in zip(rows, found["ranks"]["mean_ranks"], strict=True):
            row["mean_rank"] = rank
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


# What both a model's mean and its difference to the first have.
_BOTH = ("mean", "low", "high", "covers", "num_images", "num_groups", "num_seeds", "left_out", "method")


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple) else value


def comparison_text(found: dict[str, Any]) -> str:
    """Return the comparison as Markdown whose columns are aligned, to be read in a terminal too."""
    lines = [_title(found), "", *_models(found), ""]
    if any(row["num_seeds"][0] > 1 for row in found["over_seeds"]):
        lines += [*_seeds(found), ""]
    if found["among_others"]:
        lines += [*_others(found), ""]
    lines += [f"- {note}" for note in comparison_notes(found)]
    differing = [
        *differing_lines("Models differ in", found["settings"]),
        *differing_lines("Runs differ in", found["environment"]),
    ]
    return "\n".join([*lines, *(f"- {line}" for line in differing)]) + "\n"


def _title(found: dict[str, Any]) -> str:
    first = found["models"][0]
    heading = metric(found["metric"]).heading
    what = f"{heading} of class {found['class']}" if found["class"] else heading
    groups = f" in {first['num_groups']} groups" if first["num_groups"] is not None else ""
    thresholds = {decided(row) for row in found["models"]}
    sizes = {f"{size} size" for size in _all(found, "scored_at")}
    differing = (
        one.pop() if len(one) == 1 else f"{name} differ" for name, one in (("thresholds", thresholds), ("sizes", sizes))
    )
    return (
        f"{what}, {REGION_NAMES[found['region']]}, mean over images; {found['split']}, {first['num_images']} images"
        f"{groups}; {', '.join(differing)}"
    )


def decided(told: dict[str, Any]) -> str:
    """Return how probabilities became classes, of an evaluation or of a model's row in a comparison."""
    rule, at = RULES.get(told.get("threshold_rule") or ""), told.get("threshold")
    return f"threshold chosen for {rule.says}" if rule else "most probable class" if at is None else f"threshold {at}"


def _all(found: dict[str, Any], name: str) -> list[Any]:
    return [row[name] for row in found["models"]]


def _models(found: dict[str, Any]) -> list[str]:
    rows = []
    differences = [None, *found["over_images"]]
    for model, other in zip(found["models"], differences, strict=True):
        cells = {
            "model": model["model"],
            "seeds": str(model["num_seeds"]),
            "mean": _number(model["mean"]),
            "SD of images": _number(model["image_sd"]),
            "SD of seeds": _number(model["seed_sd"]),
            _level(found): _interval(model),
        }
        rows.append(cells | (_difference(other, _level(found)) if other else {}))
    return _table(rows)


def _seeds(found: dict[str, Any]) -> list[str]:
    rows = []
    for other in found["over_seeds"]:
        cells = {"model": other["model"], "shared seeds": str(other["num_seeds"][0])}
        rows.append(
            cells | {name: cell for name, cell in _difference(other, _level(found)).items() if name != "rank-biserial"}
        )
    return _table(rows)


def _others(found: dict[str, Any]) -> list[str]:
    level = _level(found)
    return _table(
        [
            {"model": row["model"], "minus": row["to"]} | _difference(row, level, "difference")
            for row in found["among_others"]
        ]
    )


def _difference(other: dict[str, Any], level: str, heading: str = "") -> dict[str, str]:
    return {
        heading or f"difference to {other['to']}": _number(other["mean"], "+"),
        f"{level} of the difference": _interval(other, "+"),
        "p": _p(other["p"]),
        "Holm p": _p(other["holm_p"]),
        "rank-biserial": _number(other["rank_biserial"], "+", 2),
        "d_z": _number(other["dz"], "+", 2),
        "detectable": _number(other["smallest"]),
    }


def comparison_notes(found: dict[str, Any]) -> Iterator[str]:
    """Yield sentences that say how the numbers of a comparison are made, and what they leave out."""
    models, over_images = found["models"], found["over_images"]
    yield f"{found['groups'][:1].upper()}{found['groups'][1:]}."
    for row in models:
        if row["folds"]:
            yield f"{row['model']}: {row['folds']} folds; each image is scored by the one that was not trained on it."
    yield (
        "SD of images: over images, after averaging each over seeds. SD of seeds: over seeds, after averaging each run "
        "over images. Both are sample SDs (n - 1)."
    )
    bootstrap = models[0]["method"].partition("; ")[2]
    yield f"{_level(found)}: {bootstrap}; it reflects the sampling of {drawn(found)}, not the variation between seeds."
    if models[0]["covers"] is not None and found["level"] - models[0]["covers"] > _NARROW:
        covers, wanted = level_told(models[0]["covers"]), level_told(found["level"])
        yield (
            f"With so few {drawn(found)} the bootstrap interval is too narrow: for normally distributed scores its "
            f"coverage is about {covers}, not {wanted}."
        )
    if left_out := models[0]["left_out"]:
        whose = ", ".join(f"{row['undefined']} of {row['model']}" for row in models if row["undefined"])
        yield (
            f"{left_out} images are left out of all numbers, since their score is undefined in at least one run "
            f"({whose}): images on which a model fails may be among them."
        )
    if over_images:
        one = over_images[0]
        zeros = ", ".join(f"{row['zeros']} zeros for {row['model']}" for row in over_images if row["zeros"])
        yield f"p over images: {one['method'].partition('; ')[0]}{f'; {zeros}' if zeros else ''}; two-sided."
        yield f"{corrected(one)} with {one['to']}."
        if rest := found["among_others"]:
            told = corrected(rest[0]).removeprefix("Holm p: ")
            yield f"Holm p among the other models: {told} of their own, apart from those with {one['to']}."
        if one["least_p"] is None or one["least_p"] >= found["alpha"]:
            few = f"With so few {drawn(found)} the signed-rank test cannot reach"
            yield f"{few} p < {found['alpha']:g}, whatever the scores."
        yield (
            "Detectable: the smallest true mean difference that a two-sided paired t test with this number of pairs "
            f"and the observed SD of the differences detects at significance level {found['alpha']:g} with power "
            f"{found['power']:g}. d_z: Cohen's d_z, mean / SD of the paired differences. Rank-biserial: matched-pairs "
            "rank-biserial correlation, (W+ - W-) / (W+ + W-)."
        )
        shared = [row for row in found["over_seeds"] if row["num_seeds"][0] > 1]
        yield (
            "Over seeds: paired t test and t interval of the runs with the same seeds."
            if shared
            else ("No test over seeds: it needs two seeds that both models have.")
        )
    if found["ranks"] is not None:
        yield from _ranks(found["ranks"])


def _ranks(ranks: dict[str, Any]) -> Iterator[str]:
    names, means = ranks["models"], ranks["mean_ranks"]
    order = sorted(range(len(names)), key=means.__getitem__)
    told = ", ".join(f"{names[place]} {means[place]:.2f}" for place in order)
    friedman = "" if ranks["p"] is None else f"; Friedman's chi-square {ranks['statistic']:.2f}, p {_p(ranks['p'])}"
    yield (
        f"Mean ranks (1 = best): {told}{friedman}; critical difference {ranks['critical_difference']:.2f} (Nemenyi, "
        f"{ranks['alpha']:g})."
    )
    for alike in ranks["alike"]:
        names_alike = ", ".join(names[place] for place in alike)
        yield f"No significant difference in mean rank (Nemenyi, {ranks['alpha']:g}): {names_alike}."


def differing_lines(what: str, names: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each name whose values differ: ``what``, the name, each value and whose it is."""
    for name, values in names.items():
        by_value: dict[str, list[str]] = {}
        for who, value in values.items():
            by_value.setdefault(value if isinstance(value, str) else json.dumps(value), []).append(who)
        yield f"{what} {name}: {'; '.join(f'{value} ({chr(44).join(who)})' for value, who in by_value.items())}"


def corrected(row: dict[str, Any]) -> str:
    """Return for how many comparisons the p values of a difference, and of those beside it, are corrected."""
    return f"Holm p: corrected for {row['compared']} comparison{'s' * (row['compared'] != 1)}"


def level_told(level: float) -> str:
    """Return the level of an interval in words, such as ``95 %``."""
    return f"{level:.0%}".replace("%", " %")


def drawn(found: dict[str, Any]) -> str:
    """Return what the intervals of a comparison are of: images, or groups of them."""
    return "images" if found["models"][0]["num_groups"] is None else "groups of images"


def _level(found: dict[str, Any]) -> str:
    return f"{level_told(found['level'])} CI"


def _interval(row: dict[str, Any], sign: str = "") -> str:
    return "–" if row["low"] is None else f"[{row['low']:{sign}.4f}, {row['high']:{sign}.4f}]"


def _number(value: float | None, sign: str = "", digits: int = 4) -> str:
    return "–" if value is None else f"{value:{sign}.{digits}f}"


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return a Markdown table whose columns are aligned; a cell that a row lacks is empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    widths = [max(len(name), *(len(row.get(name, "")) for row in rows)) for name in names]
    lines = [names, ["-" * width for width in widths], *([row.get(name, "") for name in names] for row in rows)]
    return [f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines]
