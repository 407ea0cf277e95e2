"""A run's scores on a split, as ``launch/evaluate.py`` left them, with all that says what they are scores of."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from jaxseg.checks import one_of
from jaxseg.runs.folder import read, read_config, read_starts

Json = dict[str, Any]
PLACES = ("id", "region", "class")  # columns of the table that are no numbers
_COUNTS = ("tp", "fp", "fn", "tn")  # columns that are numbers of pixels, and no scores
_FORMULA = ("'=", "'+", "'-", "'@")  # how the table writes a name that a spreadsheet would compute


class Scored(NamedTuple):
    """A run and its evaluation on one split.

    Attributes:
        workdir: the run's folder.
        config: its settings.
        data: what ``data.json`` says of its images.
        start: software and devices of its last start; {} where ``environment.json`` is gone.
        facts: ``eval/<split>.json``: threshold, size, checkpoint, summary.
        ids: the images of the split, in the run's order.
        digests: of each image's files, by its id.
        groups: the group of an image, where it is not one of its own; None where an earlier run does not tell.
        rows: ``eval/<split>.csv``: a row an image, region and class; numbers as text.
        folds: the runs of a whole cross-validation, see ``pages.folds``; () for a run of its own.
        evaluation: the name of another evaluation than that of the split's name; "" for that one.
    """

    workdir: Path
    config: Json
    data: Json
    start: Json
    facts: Json
    ids: tuple[str, ...]
    digests: dict[str, Any]
    groups: dict[str, str] | None
    rows: list[dict[str, str]]
    folds: tuple[Scored, ...] = ()
    evaluation: str = ""

    @property
    def place(self) -> str:
        """As it is named on a command line: the folder, or FOLDER:NAME."""
        return f"{self.workdir}:{self.evaluation}" if self.evaluation else str(self.workdir)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed that it was trained with; of an ensemble those of its members, in order."""
        return tuple(sorted(member["seed"] for member in self.facts.get("members", ()))) or (self.config["seed"],)

    @property
    def parts(self) -> tuple[Scored, ...]:
        """The runs that it is made of, each in a folder."""
        return self.folds or (self,)

    def scores(self, metric: str, region: str, label: str = "") -> dict[str, float]:
        """Return the score of every image, by id; NaN where it is undefined.

        Of several classes, that of one or the mean over those where it is defined.

        Args:
            metric: a column of the table.
            region: full or fov; an image without a field of view has no score in it.
            label: the class; "" for the mean over all, and where there is one foreground.

        Raises:
            ValueError: the table has no such metric, region or class.
        """
        one_of("metric", metric, [name for name in self.rows[0] if name not in (*PLACES, *_COUNTS)])
        one_of("region", region, sorted({row["region"] for row in self.rows}))
        if label:
            one_of("class", label, sorted({row.get("class", "") for row in self.rows}))
        found: dict[str, list[float]] = {name: [] for name in self.ids}
        for row in self.rows:
            if row["region"] == region and label in ("", row.get("class")) and row[metric]:
                found[row["id"]].append(float(row[metric]))
        return {name: math.fsum(values) / len(values) if values else math.nan for name, values in found.items()}


def read_scored(workdir: str | Path, split: str, name: str = "") -> Scored:
    """Read a run and its scores on a split, by its own threshold, checkpoint and size.

    Args:
        workdir: the run's folder.
        split: train, val, test, shifted_val or shifted_test.
        name: of another evaluation on this split, such as ``test_threshold0.3``.

    Raises:
        FileNotFoundError: there is no such run, or it was not scored on this split.
        ValueError: a file is damaged, or the scores are those of other images than the run's.
    """
    workdir = Path(workdir)
    config = read_config(workdir)
    path = workdir / "eval" / f"{name or split}.json"
    table = path.with_suffix(".csv")
    for needed in (path, table):
        if not needed.is_file():
            again = f"python launch/evaluate.py --workdir={workdir} --split={split}"
            there = ", ".join(sorted(found.stem for found in path.parent.glob(f"{split}*.csv"))) or "none"
            told = f"its evaluations on {split} are: {there}" if name else f"{again} scores the run"
            raise FileNotFoundError(f"{needed}: no such file; {told}")
    data = read(workdir / "data.json", dict)
    starts = read_starts(workdir)
    try:
        images = data["splits"][split]
        facts = json.loads(path.read_bytes())
        with table.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines, strict=True))
        known = set(images["ids"])
        for row in rows:
            image = row["id"]
            row["id"] = image[1:] if image not in known and image.startswith(_FORMULA) else image
        differing = known ^ {row["id"] for row in rows}
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise ValueError(f"{path}: not what the evaluation wrote ({error!r}); score the run again") from error
    if differing:
        raise ValueError(
            f"{table} and {workdir / 'data.json'} are of other images: {min(differing)} is in one alone; score the run "
            "again"
        )
    return Scored(
        workdir=workdir,
        config=config,
        data=data,
        start=starts[-1] if starts else {},
        facts=facts,
        ids=tuple(images["ids"]),
        digests=images["digests"],
        groups=data["groups"][split] if "groups" in data else None,
        rows=rows,
        evaluation=name if name != split else "",
    )
