"""Score a trained run on a split of its data, and leave tables and pictures in its folder."""

from __future__ import annotations

import json
import operator
from pathlib import Path
from typing import Any

from jaxseg import data, inference, report
from jaxseg.checks import require
from jaxseg.metrics import Evaluation
from jaxseg.runs.folder import read, read_config


def evaluate(
    workdir: str | Path,
    split: str,
    *,
    checkpoint: str = "best",
    data_dir: str = "",
    scored_at: str | None = None,
    **prediction: Any,
) -> Evaluation:
    """Score a run on ``split``, as its config's ``eval`` says; write ``eval/``, ``figures/`` and ``report.md``.

    Args:
        workdir: the run's folder.
        split: train, val or test.
        checkpoint: the best on val, or the latest.
        data_dir: where the images lie now, if not where the run found them.
        scored_at: "prepared" or "original" size, in place of the run's ``eval.scored_at``.
        prediction: tile, overlap, flips, threshold, in place of the run's; see ``inference.load``.

    Raises:
        FileNotFoundError: there is no such run, or its images are gone.
        ValueError: the data have no such split, or are not those of the run.
    """
    workdir = Path(workdir)
    predictor = inference.load(workdir, checkpoint, **prediction)
    config = read_config(workdir)
    if data_dir:
        name = config["data"]["name"]
        require(name != "synthetic", "--data_dir", data_dir, "nothing: the run's images are generated, not read")
        config["data"]["dir"] = data_dir
    splits = data.load(config["data"])
    known = read(workdir / "data.json", operator.itemgetter("splits"))
    if known != json.loads(json.dumps(splits.description["splits"])):
        raise ValueError(
            f"the images in {config['data']['dir']} are not those that {workdir} was trained with "
            "(data.json lists their digests); restore them, or name their folder with --data_dir"
        )
    return evaluate_split(workdir, config["data"], splits, split, predictor, scored_at or config["eval"]["scored_at"])


def evaluate_split(
    workdir: Path,
    settings: dict[str, Any],
    splits: data.Splits,
    split: str,
    predictor: inference.Predictor,
    scored_at: str,
) -> Evaluation:
    """Do what ``evaluate`` does, for data and a predictor that are loaded already.

    Args:
        workdir: the run's folder.
        settings: its ``config.data`` as a plain dict.
        splits: the data.
        split: train, val or test.
        predictor: what is scored.
        scored_at: "prepared" or "original" size.

    Raises:
        ValueError: the data have no such split.
    """
    prepared = scored_at == "prepared"
    records = getattr(splits, split)
    if records is None:
        raise ValueError(f"{settings['name']} has no {split} images here. {'; '.join(splits.notes)}")
    if not prepared:
        records = data.load_split(settings, split)
    predictor = inference.expecting(predictor, records, prepared=prepared)  # the pictures need no programs of their own
    evaluation = inference.score(predictor, records, prepared=prepared)
    report.write_run(workdir, evaluation, split=split, predictor=predictor, records=records)
    return evaluation
