"""A trained model from its run's folder, ready to predict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxseg import files, models
from jaxseg.checks import require
from jaxseg.data import num_classes
from jaxseg.data.preprocess import Preprocess
from jaxseg.inference.predictor import Predictor
from jaxseg.metrics import FIXED, NONE, ON_VAL, Walk
from jaxseg.runs import compilation
from jaxseg.runs.checkpoint import load_variables
from jaxseg.runs.folder import read, read_config
from jaxseg.runs.members import Member, read_members


def load(
    workdir: str | Path,
    which: str = "best",
    *,
    tile: tuple[int, ...] | None = None,
    overlap: float | None = None,
    flips: bool | None = None,
    threshold: float | tuple[float, ...] | None = None,
    reconnect: float | None = None,
    temperature: float | None = None,
) -> Predictor:
    """Return the predictor of a training run, or of an ensemble of them.

    Args:
        workdir: the run's folder; its ``config.json``, ``preprocess.json`` and ``checkpoints/`` are read. Or that of an
            ensemble, which names runs and their checkpoints; see ``jobs.ensemble``.
        which: the checkpoint that was best on val, or the latest; of an ensemble "best": its members have their own.
        tile: in place of the run's ``eval.tile``; see ``Predictor``.
        overlap: in place of its ``eval.overlap``.
        flips: in place of its ``eval.flips``.
        threshold: in place of its ``eval.threshold``, or of its ``eval.thresholds`` where it has classes, or of the one
            that its ``eval.threshold_rule`` chose when val was scored with these weights and options.
        reconnect: in place of its ``eval.reconnect.reach``, pixels; 0 switches the walk off. A window that is too small
            for it becomes twice as large as it, and one more.
        temperature: in place of the one that was fitted when val was scored so, where its ``eval.temperature`` asks for
            that; 1 leaves the probabilities as the network gives them.

    Raises:
        FileNotFoundError: there is no such run, or it has no checkpoint yet.
        ValueError: its files are damaged, an option does not fit the run, or its rule has chosen no threshold yet; or
            a member of the ensemble was trained further.
    """
    workdir = Path(workdir)
    config = read_config(workdir)
    compilation.set_up()
    asked = {"tile": tile, "overlap": overlap, "flips": flips, "threshold": threshold}
    settings = options(config) | {name: value for name, value in asked.items() if value is not None}
    if reconnect is not None:
        walk = settings["reconnect"]
        window = walk.window if walk.window >= reconnect + 1 else 2 * math.ceil(reconnect) + 1
        settings["reconnect"] = dataclasses.replace(walk, reach=reconnect, window=window)
    if len(settings["classes"]) == 1 and isinstance(settings["threshold"], float):
        settings["threshold"] = (settings["threshold"],)  # a command line cannot tell one number from a tuple of one
    members = read_members(workdir)
    if members:
        wanted = f"'best', its default: each member of {workdir} has a checkpoint of its own"
        require(which == "best", "checkpoint", which, wanted)
        first, *others = (_member(workdir, member, settings) for member in members)
        predictor = first.together(others)
    else:
        predictor = _predictor(workdir, which, settings)
    if temperature is not None:
        predictor = predictor.tempering(temperature)
    elif config["eval"]["temperature"] != NONE:
        fitted = _on_val(workdir, predictor, {"temperature_rule": ON_VAL}, "temperature")["temperature"]
        predictor = predictor.tempering(fitted, ON_VAL)
    rule = config["eval"]["threshold_rule"]
    if threshold is None and rule != FIXED:
        wanted = {"threshold_rule": rule, "temperature": predictor.temperature}
        predictor = predictor.deciding(_on_val(workdir, predictor, wanted, "threshold")["threshold"], rule)
    return predictor


def _predictor(run: Path, which: str, settings: dict[str, Any]) -> Predictor:
    """Return the predictor of a run, with these options."""
    config = read_config(run)
    preprocess = read(run / "preprocess.json", Preprocess.from_json)
    step, variables = load_variables(run, which)
    network = models.build(**models.arguments(config["model"]), num_classes=num_classes(config["data"]))
    return Predictor(network, variables, preprocess, step=step, **settings)


def _member(ensemble: Path, member: Member, settings: dict[str, Any]) -> Predictor:
    predictor = _predictor(run := member.folder(ensemble), member.checkpoint, settings)
    if predictor.step != member.step:
        raise ValueError(
            f"{run}: its {member.checkpoint} checkpoint is that of step {predictor.step} now, and was of {member.step} "
            f"when {ensemble} was made; make the ensemble anew"
        )
    return predictor


def _on_val(workdir: Path, predictor: Predictor, rules: dict[str, Any], what: str) -> dict[str, Any]:
    """Return the evaluation of val by this predictor in which these rules chose a threshold or a temperature."""
    wanted = rules | {"checkpoint_step": predictor.step, "prediction": predictor.describe()}
    for path in sorted((workdir / "eval").glob("val*.json")):  # val.json, of the run's own protocol, is the first
        told = {"temperature_rule": NONE, "temperature": 1.0}
        told |= files.read_json(path, "the evaluation", "score val again", files.an_object)
        if wanted.items() <= told.items():
            return told
    weights = f"step {predictor.step}, " if predictor.step is not None else ""
    setting, instead = ("threshold_rule", ", or give --threshold") if what == "threshold" else ("temperature", "")
    chose = f"{rules[f'{what}_rule']!r} has chosen no {what} for {weights}{predictor.describe()}"
    raise ValueError(
        f"{workdir}: eval.{setting} {chose}; python launch/evaluate.py --workdir={workdir} --split=val with the same "
        f"flags does{instead}"
    )


def options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of ``Predictor`` that the settings of a run, as plain JSON, ask for."""
    asked, classes = config["eval"], tuple(config["data"]["classes"])
    return {
        "tile": tuple(asked["tile"]),
        "overlap": asked["overlap"],
        "flips": asked["flips"],
        "threshold": tuple(asked["thresholds"]) if classes else asked["threshold"],
        "reconnect": Walk(**asked["reconnect"]),
        "classes": classes,
        "made_of": [config["model"], classes],
    }
