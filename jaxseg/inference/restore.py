"""A trained model from its run's folder, ready to predict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from jaxseg import models
from jaxseg.checkpoint import load_variables
from jaxseg.data.preprocess import Preprocess
from jaxseg.inference.predictor import Predictor

T = TypeVar("T")


def load(
    workdir: str | Path,
    which: Literal["best", "latest"] = "best",
    *,
    tile: tuple[int, ...] | None = None,
    overlap: float | None = None,
    flips: bool | None = None,
) -> Predictor:
    """Return the predictor of a training run.

    Args:
        workdir: the run's folder; its ``config.json``, ``preprocess.json`` and ``checkpoints/`` are read.
        which: the checkpoint that was best on val, or the latest.
        tile: in place of the run's ``eval.tile``; see ``Predictor``.
        overlap: in place of its ``eval.overlap``.
        flips: in place of its ``eval.flips``.

    Raises:
        FileNotFoundError: there is no such run, or it has no checkpoint yet.
        ValueError: its files are damaged.
    """
    workdir = Path(workdir)
    if not workdir.is_dir():
        raise FileNotFoundError(f"{workdir}: no such folder; give the --workdir of a training run")
    model, prediction = _read(workdir / "config.json", _sections)
    preprocess = _read(workdir / "preprocess.json", Preprocess.from_json)
    step, variables = load_variables(workdir, which)
    asked = {"tile": tile, "overlap": overlap, "flips": flips}
    settings = {name: prediction[name] if value is None else value for name, value in asked.items()}
    settings["tile"] = tuple(settings["tile"])  # JSON made it a list
    return Predictor(models.build(**model), variables, preprocess, step=step, **settings)


def _sections(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    config = json.loads(text)
    return config["model"], config["eval"]


def _read(path: Path, parse: Callable[[str], T]) -> T:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} holds no trained run (no {path.name}); give the --workdir of a run")
    try:
        return parse(path.read_text())
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{path}: not what training wrote ({error}); restore it") from error
