"""Compare runs that are scored on the same images: intervals, tests and ranks, and where the runs differ."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxseg import report
from jaxseg.pages.comparison import Model, comparison, grouped, models_of
from jaxseg.pages.folds import joined
from jaxseg.runs.differing import differing, environment, first_difference, settings
from jaxseg.runs.scored import Scored, read_scored

_NAMED = 2  # models are named by the settings in which they differ, where these are so few


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
        workdirs: the runs' folders, or FOLDER:NAME for another evaluation than that of the split's name, such as
            ``runs/a:test_flips`` of ``runs/a/eval/test_flips.json``.
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
    runs = joined([_read(workdir, split) for workdir in workdirs])
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


def _read(workdir: str | Path, split: str) -> Scored:
    folder, _, name = str(workdir).rpartition(":")
    named = folder and (name == split or name.startswith(f"{split}_")) and not Path(workdir).exists()
    return read_scored(folder, split, name) if named else read_scored(workdir, split)


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
        elif same := [other for other in held if other.seeds == run.seeds]:
            seed = " and ".join(map(str, run.seeds))
            raise ValueError(f"{same[0].place} and {run.place} are one model with seed {seed}; name one of them")
        else:
            held.append(run)
    names = _names(alike)
    by_name = dict(zip(names, (held for _, held in alike), strict=True))
    return models_of(by_name, runs[0].ids, metric, region, label)


def _names(alike: Sequence[tuple[dict[str, Any], list[Scored]]]) -> list[str]:
    """Return names of models: the few settings in which they differ, else their first runs' places."""
    places = [held[0].place for _, held in alike]
    told = differing(dict(zip(places, (own for own, _ in alike), strict=True)))
    if not 0 < len(told) <= _NAMED:
        return places
    if len(told) == 1 and all(isinstance(value, str) for value in next(iter(told.values())).values()):
        return list(next(iter(told.values())).values())
    short = {name: name.rpartition(".")[2] for name in told}
    return [", ".join(f"{short[name]}={values[place]}" for name, values in told.items()) for place in places]
