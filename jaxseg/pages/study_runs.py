"""A study's folder as its page reads it: what was asked, and the runs that are scored so far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxseg import files
from jaxseg.pages.folds import joined
from jaxseg.runs.differing import differing, first_difference, settings
from jaxseg.runs.scored import Scored, read_scored

RECORD = "study.json"  # in a study's folder: what it is, and where its runs lie


class Study(NamedTuple):
    """A study that is done, or in part.

    Attributes:
        workdir: its folder.
        title: what it is about.
        published: the name of a table of published rows; "" for none.
        note: what its numbers say and what not; "" for nothing.
        data_dir: where its images lie now; "" for where each run found them.
        splits: on which the runs are scored.
        models: their names, the first being that which the others are compared with.
        runs: by split and model, of each seed; the folds of a cross-validation are one.
        scored: each run with its model, folds one by one, as it was scored on the first split that it was scored on.
        missing: runs that are not scored on a split, in words.
    """

    workdir: Path
    title: str
    published: str
    note: str
    data_dir: str
    splits: tuple[str, ...]
    models: tuple[str, ...]
    runs: dict[str, dict[str, list[Scored]]]
    scored: list[tuple[str, Scored]]
    missing: list[str]


def read_study(workdir: str | Path) -> Study:
    """Read ``study.json`` and the scores of its runs; a run that is not scored yet is told as missing.

    Raises:
        FileNotFoundError: the folder holds no study.
        ValueError: a file is damaged, no run is scored, or the runs are scored on different images.
    """
    workdir = Path(workdir)
    path = workdir / RECORD
    if not path.is_file():
        raise FileNotFoundError(f"{workdir} holds no study (no {RECORD}); name the --workdir of launch/reproduce.py")
    told = files.read_json(path, "launch/reproduce.py", "start it again", _parse)
    title, published, note, data_dir, splits, models, places = told
    runs: dict[str, dict[str, list[Scored]]] = {}
    scored: dict[Path, tuple[str, Scored]] = {}
    missing: list[str] = []
    for split in splits:
        read: dict[tuple[str, int], list[Scored]] = {}
        partly: set[tuple[str, int]] = set()  # of folds some are missing, so the others are not all images
        for model, seed, place in places:
            folder = workdir / place
            try:
                run = read_scored(folder, split)
            except FileNotFoundError:
                partly.add((model, seed))
                missing.append(f"{folder.relative_to(workdir)} on {split}")
                continue
            read.setdefault((model, seed), []).append(run)
            scored.setdefault(folder, (model, run))
        of: dict[str, list[Scored]] = {model: [] for model in models}
        for (model, seed), found in read.items():
            if (model, seed) not in partly:
                of[model] += joined(found)
        _same_images([run for held in of.values() for run in held], split)
        for model, held in of.items():
            _same_settings(model, held)
        if any(of.values()):
            runs[split] = {model: held for model, held in of.items() if held}
    if not runs:
        raise ValueError(f"{workdir}: no run is scored on {', '.join(splits)} yet; run launch/reproduce.py to resume")
    return Study(workdir, title, published, note, data_dir, splits, models, runs, list(scored.values()), missing)


def _parse(
    told: dict[str, Any],
) -> tuple[str, str, str, str, tuple[str, ...], tuple[str, ...], list[tuple[str, int, str]]]:
    """Return title, published table, note, images' folder, splits, models, and model, seed and folder of each run."""
    models = tuple(str(model["name"]) for model in told["models"])
    runs = [(str(run["model"]), int(run["seed"]), str(run["workdir"])) for run in told["runs"]]
    named = str(told["title"]), str(told["published"]), str(told.get("note", "")), str(told.get("data_dir", ""))
    return *named, tuple(map(str, told["splits"])), models, runs


def _same_images(runs: Sequence[Scored], split: str) -> None:
    for run in runs[1:]:
        if told := first_difference(runs[0], run):
            raise ValueError(f"{told}: scores of other {split} images cannot stand in one table; score the runs again")


def _same_settings(model: str, runs: Sequence[Scored]) -> None:
    """Raise ValueError where the runs of a model differ in more than their seed: a mean over them says nothing."""
    if told := differing({str(run.workdir): settings(run) for run in runs}):
        name, values = next(iter(told.items()))
        listed = ", ".join(f"{workdir}: {value}" for workdir, value in values.items())
        raise ValueError(f"the runs of {model} differ in {name} ({listed}); launch/reproduce.py scores them alike")


def metrics_of(runs: Sequence[Scored], first: str) -> list[str]:
    """Return the names of the scores of the full image that all runs have, ``first`` before the others."""
    names = [run.facts["full"]["image_mean"] for run in runs]
    return [first, *(name for name in names[0] if name != first and all(name in other for other in names))]
