"""Compare runs that are scored on the same images: intervals, tests and ranks, and where the runs differ."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxseg import metrics, report, statistics
from jaxseg.data.lists import groups_by
from jaxseg.runs.differing import differing, environment, first_difference, settings
from jaxseg.runs.folds import joined
from jaxseg.runs.scored import Scored, read_scored

_EVALUATED = ("threshold", "threshold_rule", "scored_at", "prediction")  # what a model's row tells of its evaluation
_NAMED = 2  # models are named by the settings in which they differ, where these are so few


class Model(NamedTuple):
    """Runs that differ by their seed alone, in the order of the seeds.

    Attributes:
        name: what tells it from the other models.
        runs: one for each seed.
        scores: of every image, float [seeds, images].
    """

    name: str
    runs: list[Scored]
    scores: np.ndarray

    @property
    def seeds(self) -> list[int]:
        """The seeds of its runs."""
        return [run.config["seed"] for run in self.runs]


def compare(
    workdirs: Sequence[str | Path],
    split: str = "test",
    *,
    metric: str = "dice",
    region: str = "full",
    label: str = "",
    group_pattern: str = "",
    output: str | Path | None = None,
) -> dict[str, Any]:
    """Compare runs by one score of the images of a split, each model with the first; print the tables.

    Runs that differ by their seed alone are one model, whose score of an image is the mean over its seeds. Runs that
    differ by ``data.fold`` alone are one run: each image has the score of the fold that did not train on it.

    Args:
        workdirs: the runs' folders.
        split: train, val, test, shifted_val or shifted_test, on which ``launch/evaluate.py`` has scored all of them.
        metric: a column of ``eval/<split>.csv``.
        region: full or fov.
        label: of several classes the one that is compared; "" for the mean over all.
        group_pattern: a regular expression that finds in an image's name whose it is, as ``data.group_pattern`` does;
            "" takes the groups that ``data.json`` of the runs tells.
        output: a folder for ``comparison.json``, ``.csv``, ``.md`` and ``ranks.png``; None writes nothing.

    Returns:
        What ``comparison.json`` holds.

    Raises:
        FileNotFoundError: there is no such run, or it was not scored on this split.
        FileExistsError: the output is there already.
        ValueError: there are fewer than two runs, they are of different images, a fold is missing or there twice, or
            a file is damaged.
    """
    if len(workdirs) < 2:
        raise ValueError(f"compare takes two runs or more, and {len(workdirs)} came; name their folders")
    _refuse_to_overwrite(output)
    runs = joined([read_scored(workdir, split) for workdir in workdirs])
    for run in runs[1:]:
        if told := first_difference(runs[0], run):
            raise ValueError(f"{told}: scores of other {split} images cannot be compared; name runs of the same")
    models = _models(runs, metric, region, label)
    groups, about_groups = grouped(runs, group_pattern)
    found = {
        **comparison(models, groups, about_groups, split=split, metric=metric, region=region, label=label),
        "environment": differing({str(part.workdir): environment(part) for run in runs for part in run.parts}),
    }
    print(report.comparison_text(found), end="")
    if output is not None:
        report.write_comparison(Path(output), found)
    return found


def comparison(
    models: Sequence[Model],
    groups: list[str] | None,
    about_groups: str,
    *,
    split: str,
    metric: str,
    region: str,
    label: str,
) -> dict[str, Any]:
    """Return what ``compare`` does but the environments, of models with their scores, and groups as of ``grouped``."""
    place = {"split": split, "region": region, "reduction": "image_mean", "metric": metric, "class": label}
    return {
        **place,
        "groups": about_groups,
        "level": statistics.LEVEL,
        "alpha": statistics.ALPHA,
        "power": statistics.POWER,
        **_compared(models, groups, place),
        "settings": differing({model.name: settings(model.runs[0]) for model in models}),
    }


def _refuse_to_overwrite(output: str | Path | None) -> None:
    for name in report.COMPARISON_FILES if output is not None else ():
        if os.path.lexists(path := Path(output or "", name)):
            raise FileExistsError(f"{path} is there already; choose another --output, or move it away")


def _models(runs: Sequence[Scored], metric: str, region: str, label: str) -> list[Model]:
    """Return the runs by model, in the order in which they came."""
    alike: list[tuple[dict[str, Any], list[Scored]]] = []
    for run in runs:
        own = settings(run)
        held = next((held for known, held in alike if known == own), None)
        if held is None:
            alike.append((own, [run]))
        elif same := [other for other in held if other.config["seed"] == run.config["seed"]]:
            raise ValueError(
                f"{same[0].workdir} and {run.workdir} are one model with seed {run.config['seed']}; name one of them"
            )
        else:
            held.append(run)
    names = _names(alike)
    by_name = dict(zip(names, (held for _, held in alike), strict=True))
    return [of_runs(name, held, runs[0].ids, metric, region, label) for name, held in by_name.items()]


def of_runs(name: str, runs: Sequence[Scored], ids: Sequence[str], metric: str, region: str, label: str = "") -> Model:
    """Return the model of runs that differ by their seed alone, with its scores of the images ``ids``."""
    runs = sorted(runs, key=lambda run: run.config["seed"])
    scores = [run.scores(metric, region, label) for run in runs]
    return Model(name, runs, np.array([[of[image] for image in ids] for of in scores]))


def _names(alike: Sequence[tuple[dict[str, Any], list[Scored]]]) -> list[str]:
    """Return names of models: the few settings in which they differ, else their first runs' folders."""
    folders = [str(held[0].workdir) for _, held in alike]
    told = differing(dict(zip(folders, (own for own, _ in alike), strict=True)))
    if not 0 < len(told) <= _NAMED:
        return folders
    if len(told) == 1 and all(isinstance(value, str) for value in next(iter(told.values())).values()):
        return list(next(iter(told.values())).values())
    short = {name: name.rpartition(".")[2] for name in told}
    return [", ".join(f"{short[name]}={values[folder]}" for name, values in told.items()) for folder in folders]


def grouped(runs: Sequence[Scored], pattern: str = "") -> tuple[list[str] | None, str]:
    """Return the group of every image, None where each is its own, and how that is known, in words."""
    ids = runs[0].ids
    if pattern:
        try:
            found = groups_by(pattern, ids)
        except re.error as error:
            raise ValueError(f"--group_pattern {pattern!r} is no regular expression ({error})") from error
        if not found:
            raise ValueError(f"--group_pattern {pattern!r} finds nothing in the names, such as {ids[0]}")
        return [found.get(name, name) for name in ids], f"groups of images by --group_pattern={pattern}"
    known = [run for run in runs if run.groups is not None]
    if not known:
        return None, "images taken as independent: these runs tell no groups; --group_pattern finds them in names"
    first = known[0].groups or {}
    for run in known[1:]:
        if run.groups != first:
            raise ValueError(
                f"{known[0].workdir} and {run.workdir} put the images into different groups; give --group_pattern"
            )
    groups = [first.get(name, name) for name in ids]
    if len(set(groups)) == len(groups):
        return None, "each image is a group of its own"
    return groups, "groups of images by data.json"


def _compared(models: Sequence[Model], groups: list[str] | None, place: dict[str, str]) -> dict[str, Any]:
    """Return the numbers: of each model, of its difference to the first over images and over seeds, and the ranks."""
    first, *others = models
    of_models = [
        {
            "model": model.name,
            **place,
            **{name: model.runs[0].facts.get(name) for name in _EVALUATED},
            "folds": len(model.runs[0].folds),
            "runs": [str(part.workdir) for run in model.runs for part in run.parts],
            "seeds": model.seeds,
            **_plain(statistics.mean(model.scores, groups)),
        }
        for model in models
    ]
    over_images = [statistics.over_images(first.scores, model.scores, groups) for model in others]
    over_seeds = [_over_seeds(first, model) for model in others]
    means = np.array([model.scores.mean(axis=0) for model in models])
    ranks = statistics.ranks(means, groups, higher=not metrics.metric(place["metric"]).lower)
    about_ranks = place | {"models": [model.name for model in models], "alpha": statistics.ALPHA}
    return {
        "models": of_models,
        "over_images": _with_holm(first, others, over_images, place),
        "over_seeds": _with_holm(first, others, over_seeds, place),
        "ranks": None if ranks is None else about_ranks | ranks._asdict(),
    }


def _over_seeds(first: Model, other: Model) -> statistics.Difference:
    """Compare the means of the runs whose seeds both models have, on the images that all of these have scores for."""
    seeds = [seed for seed in first.seeds if seed in other.seeds]
    pairs = np.array([[model.scores[model.seeds.index(seed)] for seed in seeds] for model in (first, other)])
    kept = statistics.gather(pairs).means if seeds else pairs
    return statistics.over_seeds(*(kept.mean(axis=-1) if kept.size else np.zeros((2, 0))))


def _with_holm(
    first: Model, others: Sequence[Model], found: Sequence[statistics.Difference], place: dict[str, str]
) -> list[dict[str, Any]]:
    corrected = statistics.holm([one.p for one in found])
    return [
        {"model": model.name, "to": first.name, **place, **_plain(one), "holm_p": holm_p, "compared": len(others)}
        for model, one, holm_p in zip(others, found, corrected, strict=True)
    ]


def _plain(found: statistics.Mean | statistics.Difference) -> dict[str, Any]:
    """Return a result as plain JSON, with the interval's parts in its place."""
    values = found._asdict()
    interval = values.pop("interval")
    return values | dict(zip(statistics.Interval._fields, interval or (None,) * 3, strict=True))
