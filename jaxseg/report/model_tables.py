"""Tables of models: their scores beside published ones, and how they differ from the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from jaxseg.metrics import metric
from jaxseg.report.document import Cell, Column, Measured, Table

DIGITS = 4


_APART = ("class", "region")  # words that stand before the scores where our rows differ in them


class Line(NamedTuple):
    """A row of a table of scores.

    Attributes:
        model: whose scores these are.
        source: where they are from.
        scores: by the metric's name; a number as it was printed is a text.
        words: the other cells, by the heading of their column.
        quoted: whether they are not measured here.
    """

    model: str
    source: str
    scores: dict[str, Cell]
    words: dict[str, Cell]
    quoted: bool = False


def scores_table(name: str, title: str, lines: Sequence[Line], notes: Iterable[str] = ()) -> Table:
    """Return a table of scores with a row a line; a score that a line does not have is undefined.

    Args:
        name: of its files.
        title: what it shows.
        lines: its rows, from top to bottom.
        notes: sentences beneath it.
    """
    metrics = list(dict.fromkeys(name for line in lines for name in line.scores))
    words = list(dict.fromkeys(name for line in lines for name in line.words))
    before = [one for one in _APART if len({line.words.get(one) for line in lines if not line.quoted}) > 1]
    columns = [Column("model", "Model"), Column("source", "Source"), *(Column(one, one.capitalize()) for one in before)]
    columns += [Column(one, metric(one).heading, DIGITS) for one in metrics]
    after = [one for one in words if one not in before]
    columns += [Column(one, one.capitalize(), 0 if one in ("images", "seeds") else None) for one in after]
    rows: list[dict[str, Cell]] = [
        {"model": line.model, "source": line.source}
        | {one: line.scores.get(one) for one in metrics}
        | {one: line.words.get(one, "") for one in words}
        for line in lines
    ]
    quoted = frozenset(place for place, line in enumerate(lines) if line.quoted)
    return Table(name, title, tuple(columns), rows, tuple(notes), quoted)


def around(row: dict[str, Any]) -> Measured:
    """Return the mean of a model, or of a difference, with SD over seeds and interval as a comparison has them."""
    return Measured(row["mean"], row.get("seed_sd"), row["low"], row["high"])


_OF_DIFFERENCES = (
    Column("p", "p", DIGITS, p=True),
    Column("holm_p", "Holm p", DIGITS, p=True),
    Column("rank_biserial", "Rank-biserial", 2, sign=True),
    Column("dz", "d_z", 2, sign=True),
    Column("smallest", "Detectable", DIGITS),
)


def images_table(name: str, title: str, found: dict[str, Any], notes: Iterable[str]) -> Table:
    """Return the differences over images to the first model, with tests and sizes of effects.

    Args:
        name: of its files.
        title: what it shows.
        found: what ``pages.comparison.comparison`` returns.
        notes: sentences beneath it.
    """
    first = found["models"][0]["model"]
    columns = [Column("model", "Model"), Column("mean", f"Difference to {first}", DIGITS, sign=True), *_OF_DIFFERENCES]
    ranks = found["ranks"]
    of_ranks = dict(zip(ranks["models"], ranks["mean_ranks"], strict=True)) if ranks else {}
    rows = [{"model": first, "rank": of_ranks.get(first)}] if ranks else []
    for row in found["over_images"]:
        cells = {column.name: row[column.name] for column in _OF_DIFFERENCES}
        rows.append({"model": row["model"], "mean": around(row), **cells, "rank": of_ranks.get(row["model"])})
    columns += [Column("rank", "Mean rank", 2)] if ranks else []
    return Table(name, title, tuple(columns), rows, tuple(notes))


def pairs_table(name: str, title: str, found: dict[str, Any], notes: Iterable[str] = ()) -> Table:
    """Return the differences over images among the models but the first; arguments as of ``images_table``."""
    columns = [Column("model", "Model"), Column("to", "Minus"), Column("mean", "Difference", DIGITS, sign=True)]
    rows = [
        {"model": row["model"], "to": row["to"], "mean": around(row)}
        | {column.name: row[column.name] for column in _OF_DIFFERENCES}
        for row in found["among_others"]
    ]
    return Table(name, title, (*columns, *_OF_DIFFERENCES), rows, tuple(notes))


def seeds_table(name: str, title: str, found: dict[str, Any], notes: Iterable[str] = ()) -> Table:
    """Return the differences over seeds to the first model; arguments as of ``images_table``."""
    kept = [column for column in _OF_DIFFERENCES if column.name != "rank_biserial"]
    first = found["models"][0]["model"]
    columns = [
        Column("model", "Model"),
        Column("num_seeds", "Shared seeds", 0),
        Column("mean", f"Difference to {first}", DIGITS, sign=True),
        *kept,
    ]
    rows = [
        {"model": row["model"], "num_seeds": row["num_seeds"][0], "mean": around(row)}
        | {column.name: row[column.name] for column in kept}
        for row in found["over_seeds"]
    ]
    return Table(name, title, tuple(columns), rows, tuple(notes))


def splits_table(name: str, title: str, by_split: dict[str, dict[str, Measured]], notes: Iterable[str] = ()) -> Table:
    """Return one score of every model on several splits, and what is lost from the first split to each other.

    Args:
        name: of its files.
        title: what it shows.
        by_split: of each split, and in it of each model, the score.
        notes: sentences beneath it.
    """
    first, *others = by_split
    columns = [Column("model", "Model"), *(Column(split, split, DIGITS) for split in by_split)]
    columns += [Column(f"{split}_less", f"{split} minus {first}", DIGITS, sign=True) for split in others]
    rows: list[dict[str, Cell]] = []
    for model in dict.fromkeys(model for scores in by_split.values() for model in scores):
        of = {split: scores.get(model, Measured(None)) for split, scores in by_split.items()}
        row: dict[str, Cell] = {"model": model, **of}
        for split in others:
            before, after = of[first].mean, of[split].mean
            row[f"{split}_less"] = None if before is None or after is None else after - before
        rows.append(row)
    return Table(name, title, tuple(columns), rows, tuple(notes))
