"""Models and the numbers of their comparison: means, differences to the first with tests, ranks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxseg import metrics, statistics
from jaxseg.data.lists import groups_by
from jaxseg.runs.differing import differing, settings
from jaxseg.runs.scored import Scored

_EVALUATED = ("threshold", "threshold_rule", "scored_at", "prediction")  # what a model's row tells of its evaluation
_UNIT = "each group is one unit of the statistics"
_IN_PAIRS = 5  # models up to which all are compared in pairs; ranks compare more


class Model(NamedTuple):
    """Runs that differ by their seed alone, in the order of the seeds.

    Attributes:
        name: what tells it from the other models.
        runs: one for each seed.
        scores: of every image, float [seeds, images]; NaN where one is undefined.
        undefined: images for which the score of one of its runs is undefined.
    """

    name: str
    runs: list[Scored]
    scores: np.ndarray
    undefined: int

    @property
    def seeds(self) -> list[tuple[int, ...]]:
        """The seeds of its runs, more than one of each ensemble."""
        return [run.seeds for run in self.runs]


def of_runs(name: str, runs: Sequence[Scored], ids: Sequence[str], metric: str, region: str, label: str = "") -> Model:
    """Return the model of runs that differ by their seed alone, with its scores of the images ``ids``."""
    runs = sorted(runs, key=lambda run: run.seeds)
    of_runs = [run.scores(metric, region, label) for run in runs]
    scores = np.array([[of[image] for image in ids] for of in of_runs])
    return Model(name, runs, scores, int(np.isnan(scores).any(axis=0).sum()))


def models_of(
    runs: Mapping[str, Sequence[Scored]], ids: Sequence[str], metric: str, region: str, label: str = ""
) -> list[Model]:
    """Return models with their scores of the images for which no run of any of them is undefined, NaN for the others.

    A model that predicts nothing has no Matthews coefficient and no distance there: a mean over the images that are
    left to it would be of easier images than that of the model beside it. A run that is undefined everywhere leaves
    nothing to share, and is no reason to leave out an image.

    Args:
        runs: of each model by its name, one for each seed.
        ids: of the images.
        metric: a column of ``eval/<split>.csv``.
        region: full or fov.
        label: one of several classes; "" for the mean over all.
    """
    models = [of_runs(name, of, ids, metric, region, label) for name, of in runs.items()]
    nowhere = np.isnan(np.concatenate([model.scores for model in models]))
    undefined = nowhere[~nowhere.all(axis=1)].any(axis=0)
    return [model._replace(scores=np.where(undefined, np.nan, model.scores)) for model in models]


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
        groups = [found.get(name, name) for name in ids]
        return groups, f"images grouped by --group_pattern={pattern}; {_UNIT}"
    known = [run for run in runs if run.groups is not None]
    if not known:
        told = "no groups (patients) are recorded; launch/compare.py takes --group_pattern"
        return None, f"images treated as independent: {told}"
    first = known[0].groups or {}
    for run in known[1:]:
        if run.groups != first:
            raise ValueError(
                f"{known[0].workdir} and {run.workdir} put the images into different groups; launch/compare.py takes "
                "--group_pattern"
            )
    groups = [first.get(name, name) for name in ids]
    if len(set(groups)) == len(groups):
        return None, "images treated as independent: no two of them share a group"
    return groups, f"images grouped as in data.json; {_UNIT}"


def _compared(models: Sequence[Model], groups: list[str] | None, place: dict[str, str]) -> dict[str, Any]:
    """Return the numbers: of models, of differences to the first over images and seeds and among others, and ranks."""
    first, *others = models
    of_models = [
        {
            "model": model.name,
            **place,
            **{name: model.runs[0].facts.get(name) for name in _EVALUATED},
            "folds": len(model.runs[0].folds),
            "runs": [part.place for run in model.runs for part in run.parts],
            "seeds": [seeds[0] if len(seeds) == 1 else list(seeds) for seeds in model.seeds],
            "undefined": model.undefined,
            **_plain(statistics.mean(model.scores, groups)),
        }
        for model in models
    ]
    to_first = [(first, model) for model in others]
    rest = list(itertools.combinations(others, 2)) if len(models) <= _IN_PAIRS else []
    means = np.array([model.scores.mean(axis=0) for model in models])
    ranks = statistics.ranks(means, groups, higher=not metrics.metric(place["metric"]).lower)
    about_ranks = place | {"models": [model.name for model in models], "alpha": statistics.ALPHA}
    return {
        "models": of_models,
        "over_images": _with_holm(to_first, _over_images(to_first, groups), place),
        "over_seeds": _with_holm(to_first, [_over_seeds(*pair) for pair in to_first], place),
        "among_others": _with_holm(rest, _over_images(rest, groups), place),
        "ranks": None if ranks is None else about_ranks | ranks._asdict(),
    }


def _over_images(pairs: Sequence[tuple[Model, Model]], groups: list[str] | None) -> list[statistics.Difference]:
    return [statistics.over_images(first.scores, other.scores, groups) for first, other in pairs]


def _over_seeds(first: Model, other: Model) -> statistics.Difference:
    """Compare the means of the runs whose seeds both models have."""
    seeds = [seed for seed in first.seeds if seed in other.seeds]
    pairs = np.array([[model.scores[model.seeds.index(seed)] for seed in seeds] for model in (first, other)])
    kept = statistics.gather(pairs).means if seeds else pairs
    return statistics.over_seeds(*(kept.mean(axis=-1) if kept.size else np.zeros((2, 0))))


def _with_holm(
    pairs: Sequence[tuple[Model, Model]], found: Sequence[statistics.Difference], place: dict[str, str]
) -> list[dict[str, Any]]:
    corrected = statistics.holm([one.p for one in found])
    tests = sum(one.p is not None for one in found)
    return [
        {"model": model.name, "to": first.name, **place, **_plain(one), "holm_p": holm_p, "compared": tests}
        for (first, model), one, holm_p in zip(pairs, found, corrected, strict=True)
    ]


def _plain(found: statistics.Mean | statistics.Difference) -> dict[str, Any]:
    """Return a result as plain JSON, with the interval's parts in its place."""
    values = found._asdict()
    interval = values.pop("interval")
    return values | dict(zip(statistics.Interval._fields, interval or (None,) * 3, strict=True))
