"""A study: models x seeds x folds, each an ordinary run, and what its table stands beside.

The files in ``configs/studies/`` return one from ``get_config()``; ``launch/reproduce.py`` runs it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxseg import published
from jaxseg.checks import require
from jaxseg.config import Settings
from jaxseg.data.layout import EVERY

_PARTS = ("title", "config", "models", "seeds", "folds", "splits", "published", "note")


class Trial(NamedTuple):
    """One run of a study.

    Attributes:
        model: its name in the study.
        seed: ``config.seed``.
        fold: ``config.data.fold``; None without cross-validation.
        config: its settings.
    """

    model: str
    seed: int
    fold: int | None
    config: Settings

    @property
    def name(self) -> str:
        """The trial in a command line and as a path, such as ``DenseUNet-JA/0`` or ``DenseUNet-JA/0/fold2``."""
        return f"{self.model}/{self.seed}" + ("" if self.fold is None else f"/fold{self.fold}")


def study(
    title: str,
    config: Settings,
    models: Mapping[str, Mapping[str, Any]],
    *,
    seeds: Sequence[int] = (0,),
    folds: int = 0,
    splits: Sequence[str] = (),
    published: str = "",
    note: str = "",
) -> Settings:
    """Return a study as settings, so that the command line can override them.

    Args:
        title: a sentence for the head of its page.
        config: the settings that all runs share.
        models: of each model, by its name, the settings in which it differs, as in
            ``{"DenseUNet-JA": {"model": {"attention": "ja9"}}}``. The first is what the others are compared with.
        seeds: of the runs of each model.
        folds: k trains each model and seed k times, for k-fold cross-validation by ``data.fold``; 0 does not.
        splits: on which each run is scored; () for test, and for shifted_test where ``data.shift`` puts images apart
            and there are no folds.
        published: a table of ``jaxseg.published`` that the page sets beside; "" for none.
        note: a sentence for the head of its page, on what its numbers say and what not; "" for none.
    """
    held = type(config)(sort_keys=False)
    for name, settings in models.items():
        held[name] = dict(settings)
    parts = dict(title=title, config=config, models=held, seeds=tuple(seeds), folds=folds)
    return type(config)(parts | dict(splits=tuple(splits), published=published, note=note))


def trials(study: Settings) -> list[Trial]:
    """Return the runs of a study: all models of the first seed first, so that a part of it compares them.

    Raises:
        ValueError: a setting of the study is not as it must be.
    """
    if missing := [name for name in _PARTS if name not in study]:
        raise ValueError(f"the study has no {', '.join(missing)}; return jaxseg.study.study(...) from get_config()")
    require(len(study.models) > 0, "study.models", dict(study.models), "one model or more")
    for name in study.models:
        wanted = "letters, digits, and -_+ and spaces within: it names a folder"
        require(bool(re.fullmatch(r"\w[\w+ -]*", name)), "study.models: a name", name, wanted)
    whole = all(isinstance(seed, int) and seed >= 0 for seed in study.seeds)
    distinct = len(set(study.seeds)) == len(study.seeds) > 0
    require(whole and distinct, "study.seeds", study.seeds, "different whole numbers, such as (0, 1, 2)")
    if study.published:
        published.table(study.published)
    require(study.folds == 0 or study.folds > 1, "study.folds", study.folds, "0, or 2 and more")
    require(set(study.splits) <= set(EVERY), "study.splits", study.splits, f"some of {EVERY}")
    alone = "('test',): the folds of a cross-validation are one set of images on test alone"
    require(not study.folds or scored_on(study) == ("test",), "study.splits", study.splits, alone)
    folds: Sequence[int | None] = range(study.folds) if study.folds else (None,)
    found = [
        Trial(model, seed, fold, _settings(study, model, seed, fold))
        for seed in study.seeds
        for model in study.models
        for fold in folds
    ]
    selecting = {trial.model: trial.config.eval.select for trial in found}
    alike = len(set(selecting.values())) == 1
    require(alike, "eval.select of the models", selecting, "one metric: the models are compared by it")
    return found


def _settings(study: Settings, model: str, seed: int, fold: int | None) -> Settings:
    config = study.config.copy_and_resolve_references()
    with config.unlocked():
        config.update(study.models[model])
    config.seed = seed
    if fold is not None:
        config.data.update(dict(folds=study.folds, fold=fold))
    return config


def scored_on(study: Settings) -> tuple[str, ...]:
    """Return the splits on which the runs of a study are scored."""
    both = study.config.data.shift and not study.folds
    return tuple(study.splits) or ("test", "shifted_test")[: 2 if both else 1]


def only(found: Sequence[Trial], names: Sequence[str]) -> list[Trial]:
    """Return the trials that are named, or lie within what is: ``DenseUNet-JA`` is all of its seeds and folds.

    Raises:
        ValueError: a name is of no trial.
    """
    chosen: set[str] = set()
    for name in names:
        within = [trial.name for trial in found if f"{trial.name}/".startswith(f"{name}/")]
        if not within:
            models = ", ".join(dict.fromkeys(trial.model for trial in found))
            known = f"its models are {models}; write MODEL or MODEL/SEED"
            raise ValueError(f"--only: the study has no run {name!r}; {known}")
        chosen.update(within)
    return [trial for trial in found if trial.name in chosen]


def shard(found: Sequence[Trial], part: str) -> list[Trial]:
    """Return every n-th trial from the i-th on, of ``i/n`` with i from 0 to n - 1: a task of a cluster's array.

    Raises:
        ValueError: the words are not of this form.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", part)
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    require(index < count, "--shard", part, "i/n, with i from 0 to n - 1, such as 0/4")
    return list(found[index::count])
