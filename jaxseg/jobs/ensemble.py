"""Make several trained networks one predictor, the mean of their probabilities, in a folder that is like a run's."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from jaxseg import files
from jaxseg.checks import require
from jaxseg.metrics import FIXED, NONE
from jaxseg.runs.checkpoint import load_variables
from jaxseg.runs.folder import FREE, flat, read, read_config, read_starts
from jaxseg.runs.members import Member, write_members
from jaxseg.runs.sealed import seal

_OWN = ("seed", "data.fold")  # the settings in which members may differ, beside what a resumed run may change


def ensemble(runs: Sequence[str | Path], workdir: str | Path, checkpoints: Sequence[str] = ("best",)) -> None:
    """Write a folder from which every command that takes a run's folder predicts with all members.

    The members are the runs, each with every one of the checkpoints that it has. Their settings agree in all but seed
    and fold; those of the first, such as ``eval.tile``, are the ensemble's. A threshold that a rule chooses is chosen
    anew, on val of the ensemble. Members stay where they are, and later training of one makes the ensemble invalid.

    The folds of a cross-validation predict new images together; there is no split of their own to score them on.

    Args:
        runs: the folders of runs.
        workdir: the ensemble's folder, made here: it may not hold anything.
        checkpoints: "best", "latest", or both.

    Raises:
        FileNotFoundError: there is no such run, or it has no checkpoint yet.
        FileExistsError: the folder is there and not empty.
        ValueError: there are fewer than two different networks, or runs differ in another setting.
    """
    folder = Path(workdir)
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"{folder} is there already; name a new folder for the ensemble by --workdir")
    paths = [Path(run) for run in runs]
    configs = [read_config(path) for path in paths]
    for path, config in zip(paths[1:], configs[1:], strict=True):
        _require_alike(paths[0], configs[0], path, config)
    members: list[Member] = []
    known: set[tuple[Path, int]] = set()
    for (path, config), checkpoint in itertools.product(zip(paths, configs, strict=True), checkpoints):
        step, _ = load_variables(path, checkpoint)
        if (path.resolve(), step) in known:
            print(f"note: {path}, {checkpoint}: step {step} is a member already", flush=True)
            continue
        known.add((path.resolve(), step))
        members.append(Member(os.path.relpath(path, folder), config["seed"], checkpoint, step))
    if len(members) < 2:
        raise ValueError(f"an ensemble takes two networks or more, and {len(members)} came; name more runs")
    images = [read(path / "data.json", dict) for path in paths]
    alike = all(held["splits"] == images[0]["splits"] for held in images)
    if not alike:
        _require_nothing_chosen(configs[0])
    folder.mkdir(parents=True, exist_ok=True)
    write_members(folder, members)  # first: what a kill leaves is then no run either
    files.write_json(folder / "config.json", seal(configs[0]))
    files.write_json(folder / "data.json", seal(images[0] | ({} if alike else {"splits": {}, "groups": {}})))
    files.write_json(folder / "preprocess.json", seal(read(paths[0] / "preprocess.json", dict)))
    files.write_json(folder / "environment.json", [seal(start) for path in paths for start in read_starts(path)])
    print(f"{len(members)} members in {folder}; give it to evaluate.py and predict.py as --workdir", flush=True)


def _require_nothing_chosen(config: dict) -> None:
    """Raise ValueError where val chooses something: runs of different folds have no val in common."""
    for name, none in (("threshold_rule", FIXED), ("temperature", NONE)):
        require(config["eval"][name] == none, f"eval.{name}", config["eval"][name], f"{none!r}: folds share no val")


def _require_alike(first: Path, wanted: dict, path: Path, config: dict) -> None:
    before, now = flat(wanted), flat(config)
    for name in sorted(before.keys() | now.keys()):
        if name not in _OWN and not name.startswith(FREE) and before.get(name) != now.get(name):
            raise ValueError(
                f"{path} has {name} {now.get(name, 'absent')}, and {first} {before.get(name, 'absent')}; members of an "
                f"ensemble differ in {' and '.join(_OWN)} alone"
            )
