"""A trained model from its run's folder, ready to predict."""

from __future__ import annotations

from pathlib import Path

from jaxseg import models
from jaxseg.data.preprocess import Preprocess
from jaxseg.inference.predictor import Predictor
from jaxseg.runs.checkpoint import load_variables
from jaxseg.runs.compilation import keep_programs
from jaxseg.runs.folder import read, read_config


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
    config = read_config(workdir)
    prediction = config["eval"]
    keep_programs(config["data"]["cache_dir"])
    preprocess = read(workdir / "preprocess.json", Preprocess.from_json)
    step, variables = load_variables(workdir, which)
    asked = {"tile": tile, "overlap": overlap, "flips": flips, "threshold": threshold}
    settings = {name: prediction[name] if value is None else value for name, value in asked.items()}
    settings["tile"] = tuple(settings["tile"])  # JSON made it a list
    return Predictor(models.build(**models.arguments(config["model"])), variables, preprocess, step=step, **settings)
