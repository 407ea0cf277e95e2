"""The folds of a cross-validation as one run: every image is scored once, by the fold that did not train on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxseg.metrics import METRICS, Counts, Tally
from jaxseg.runs.differing import settings
from jaxseg.runs.scored import PLACES, Json, Scored

_OWN = ("data.fold", "data: train", "data: val", "data: test")  # what folds of one cross-validation may differ in


def joined(runs: Sequence[Scored]) -> list[Scored]:
    """Return the runs, those that differ by ``data.fold`` alone as one, in the place of the first of them.

    Raises:
        ValueError: a fold is missing or there twice, or folds are scored on another split than test.
    """
    found: list[Scored | None] = []
    sets: dict[int, list[Scored]] = {}  # of folds, by their place among what is found
    known: list[tuple[int, dict[str, Any]]] = []
    for run in runs:
        if not _folds(run):
            found.append(run)
            continue
        own = {name: value for name, value in settings(run).items() if name not in _OWN} | {"seed": run.config["seed"]}
        place = next((place for place, other in known if other == own), len(found))
        if place == len(found):
            known.append((place, own))
            found.append(None)
        sets.setdefault(place, []).append(run)
    return [_one(sets[place]) if run is None else run for place, run in enumerate(found)]


def _folds(run: Scored) -> int:
    return run.config["data"].get("folds", 0)


def _one(runs: list[Scored]) -> Scored:
    """Return the runs of all folds as one, in the order of the folds."""
    first, number = runs[0], _folds(runs[0])
    by_fold: dict[int, Scored] = {}
    for run in runs:
        if run.facts["split"] != "test":
            raise ValueError(
                f"{run.workdir} is a fold, scored on {run.facts['split']}; folds can only be combined on test"
            )
        if (other := by_fold.setdefault(run.config["data"]["fold"], run)) is not run:
            raise ValueError(
                f"{other.workdir} and {run.workdir} are one model with data.fold={run.config['data']['fold']}; name "
                "one of them"
            )
    if missing := [str(fold) for fold in range(number) if fold not in by_fold]:
        raise ValueError(
            f"{first.workdir} is one of {number} folds, and data.fold={', '.join(missing)} of the same settings and "
            "seed is not there; name the runs of all folds"
        )
    runs = [by_fold[fold] for fold in range(number)]
    ids = [name for run in runs for name in run.ids]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise ValueError(f"{twice} is in two folds beside {first.workdir}; they come from different divisions")
    shared = [name for name in runs[0].rows[0] if all(name in run.rows[0] for run in runs)]
    rows = [{name: row[name] for name in shared} for run in runs for row in run.rows]
    digests = {name: run.digests[name] for run in runs for name in run.ids}
    groups = {name: group for run in runs for name, group in (run.groups or {}).items()}
    test = {"num_images": len(ids), "ids": ids, "digests": digests}
    return first._replace(
        workdir=runs[0].workdir,
        config=first.config | {"data": {name: at for name, at in first.config["data"].items() if name != "fold"}},
        data=first.data | {"splits": {"test": test}},
        facts=_facts(runs, rows),
        ids=tuple(ids),
        digests=digests,
        groups=groups if any(run.groups is not None for run in runs) else None,
        rows=rows,
        folds=tuple(runs),
    )


def _facts(runs: Sequence[Scored], rows: list[dict[str, str]]) -> Json:
    """Return the summary over the images of all folds, and what every fold's evaluation says alike.

    Pooled scores that counts do not give, such as the AUC, are None: they are of one model's probabilities.
    """
    columns = [name for name in rows[0] if name not in (*PLACES, *Counts._fields)]
    metrics = {name: METRICS[name.partition("@")[0]] for name in columns}
    classes = tuple(runs[0].config["data"]["classes"])
    tally = Tally(classes=classes, metrics=[name for name, metric in metrics.items() if metric.asked])
    tally.rows = [
        {name: row[name] for name in PLACES if name in row}
        | {name: float(row[name]) if row[name] else None for name in columns}
        | {name: int(row[name]) for name in Counts._fields}
        for row in rows
    ]
    summary = tally.summary()
    left_out = ", ".join(name for name, metric in metrics.items() if metric.of == "pixels")
    summary["notes"] = [f"pooled {left_out} left out: every fold has a model of its own"]
    if unshared := sorted({name for run in runs for name in run.rows[0]} - set(rows[0])):
        summary["notes"].append(f"{', '.join(unshared)} left out: not every fold is scored by it")
    first = runs[0].facts
    alike = {name: told for name, told in first.items() if all(run.facts.get(name) == told for run in runs)}
    return {name: told for name, told in alike.items() if name not in ("fov", "classes", "observer2")} | summary
