"""A trained model from its run's folder, ready to predict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jaxseg import models
from jaxseg.checkpoint import load_variables
from jaxseg.compilation import keep_programs
from jaxseg.data.preprocess import Preprocess
from jaxseg.inference.predictor import Predictor

T = TypeVar("T")


def load(
    workdir: str | Path,
    which: str = "best",
    *,
    tile: tuple[int, ...] | None = None,
    overlap: float | None = None,
    flips: bool | None = None,
    threshold: float | None = None,
) -> Predictor:
    """Return the predictor of a training run.

    Args:
        workdir: the run's folder; its ``config.json``, ``preprocess.json`` and ``checkpoints/`` are read.
        which: the checkpoint that was best on val, or the latest.
        tile: in place of the run's ``eval.tile``; see ``Predictor``.
        overlap: in place of its ``eval.overlap``.
        flips: in place of its ``eval.flips``.
        threshold: in place of its ``eval.threshold``.

    Raises:
        FileNotFoundError: there is no such run, or it has no checkpoint yet.
        ValueError: its files are damaged.
    """
    workdir = Path(workdir)
    if not workdir.is_dir():
        raise FileNotFoundError(f"{workdir}: no such folder; give the --workdir of a training run")
    config = _read(workdir / "config.json", json.loads)
    model, data, prediction = (_section(config, name, workdir) for name in ("model", "data", "eval"))
    keep_programs(data["cache_dir"])
    preprocess = _read(workdir / "preprocess.json", Preprocess.from_json)
    step, variables = load_variables(workdir, which)
    asked = {"tile": tile, "overlap": overlap, "flips": flips, "threshold": threshold}
    settings = {name: prediction[name] if value is None else value for name, value in asked.items()}
    settings["tile"] = tuple(settings["tile"])  # JSON made it a list
    return Predictor(models.build(**model), variables, preprocess, step=step, **settings)


def _section(config: Any, name: str, workdir: Path) -> dict[str, Any]:
    try:
        return config[name]
    except (TypeError, KeyError) as error:
        raise ValueError(f"{workdir / 'config.json'}: not what training wrote (no {name!r}); restore it") from error


def _read(path: Path, parse: Callable[[str], T]) -> T:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} holds no trained run (no {path.name}); give the --workdir of a run")
    try:
        return parse(path.read_text())
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{path}: not what training wrote ({error}); restore it") from error
