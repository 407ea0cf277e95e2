"""Score a trained run on a split of its data, and leave tables and pictures in its folder."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxseg import data, inference, report
from jaxseg.checks import require
from jaxseg.metrics import FIXED, NONE, Evaluation, chosen
from jaxseg.pages import run as run_page
from jaxseg.runs.folder import read, read_config, read_starts
from jaxseg.runs.log import read_metrics


def evaluate(
    workdir: str | Path,
    split: str,
    *,
    checkpoint: str = "best",
    data_dir: str = "",
    scored_at: str | None = None,
    masks: bool = False,
    metrics: Sequence[str] | None = None,
    curves: bool = False,
    **prediction: Any,
) -> Evaluation:
    """Score a run on ``split``, as its config's ``eval`` says; write ``eval/``, ``figures/`` and ``report.html``.

    The files are named by the split. Those of another checkpoint, threshold or the like than the run's own also name
    what differs, as in ``test_threshold0.3``, and replace none of the others. The table is printed.

    Args:
        workdir: the run's folder.
        split: train, val, test, shifted_val or shifted_test.
        checkpoint: the best on val, or the latest.
        data_dir: where the images lie now, if not where the run found them.
        scored_at: "prepared" or "original" size, in place of the run's ``eval.scored_at``.
        masks: save the predictions too, as ``inference.predict_folder`` does, in ``eval/<name>_predictions/``.
        metrics: in place of the run's ``eval.metrics``, beside its ``eval.select``; see ``metrics.chosen``.
        curves: write ROC, precision-recall and calibration curves too: ``eval/curves/<name>.json``,
            ``figures/<name>_curves.png``.
        prediction: tile, overlap, flips, threshold, reconnect, in place of the run's; see ``inference.load``.

    Raises:
        FileNotFoundError: there is no such run, or its images are gone.
        ValueError: the data have no such split, or are not those of the run.
    """
    workdir = Path(workdir)
    config = read_config(workdir)
    known = _splits_of(workdir)
    rule = config["eval"]["threshold_rule"] if prediction.get("threshold") is None else FIXED
    if split == "val" and rule != FIXED:
        prediction["threshold"] = config["eval"]["threshold"]  # until the rule has chosen
    temperature = config["eval"]["temperature"] if split == "val" else NONE
    if temperature != NONE:
        prediction["temperature"] = 1.0  # until it is fitted
    predictor = inference.load(workdir, checkpoint, **prediction)
    asked_for: Sequence[str] = config["eval"]["metrics"] if metrics is None else metrics
    if config["eval"]["select"] not in chosen(asked_for, "--metrics"):  # what is wrong is told now, not at the end
        asked_for = (*asked_for, config["eval"]["select"])  # pages and comparisons are by it
    if data_dir:
        name = config["data"]["name"]
        require(name != "synthetic", "--data_dir", data_dir, "nothing: the run's images are generated, not read")
        config["data"]["dir"] = data_dir
    splits = data.load(config["data"])
    for needed in (read_starts, read_metrics):  # by the report: what is wrong is told now, not after the scoring
        needed(workdir)
    if known != json.loads(json.dumps(splits.description["splits"])):
        raise ValueError(
            f"the images in {config['data']['dir']} are not those that {workdir} was trained with "
            "(data.json lists their digests); restore them, or name their folder with --data_dir"
        )
    own = inference.options(config) | {"checkpoint": "best", "scored_at": config["eval"]["scored_at"]}
    if config["eval"]["threshold_rule"] != FIXED:  # then a threshold that is given is never the run's own
        own["threshold"] = None if rule == FIXED else predictor.threshold
    scored_at = scored_at or str(config["eval"]["scored_at"])
    asked = vars(predictor) | {"checkpoint": checkpoint, "scored_at": scored_at}
    name = "_".join([split, *(told(asked[key]) for key, told in _PROTOCOL.items() if asked[key] != own[key])])
    found = evaluate_split(
        workdir,
        config["data"],
        splits,
        split,
        predictor,
        scored_at,
        name=name,
        masks=masks,
        metrics=asked_for,
        curves=curves,
        rule=rule if split == "val" else FIXED,
        temperature=temperature,
    )
    print((workdir / "eval" / f"{name}.md").read_text())
    return found


def _splits_of(workdir: Path) -> dict[str, Any]:
    """Return what ``data.json`` says of each split; an ensemble of folds has none."""
    known = read(workdir / "data.json", operator.itemgetter("splits"))
    if not known:
        raise ValueError(
            f"{workdir} is an ensemble of runs that were trained on different images (folds), so no image is held out "
            "from all of them; score each run, and give the runs to launch/compare.py, which takes folds as one set"
        )
    return known


def _numbers(value: float | tuple[float, ...]) -> str:
    return "-".join(f"{number}" for number in (value if isinstance(value, tuple) else (value,)))


# What the name of an evaluation says of each choice that is not the run's own.
_PROTOCOL: dict[str, Callable[[Any], str]] = {
    "checkpoint": str,
    "threshold": lambda value: f"threshold{_numbers(value)}",
    "tile": lambda value: f"tile{'x'.join(map(str, value))}",
    "overlap": lambda value: f"overlap{value:g}",
    "flips": lambda value: "flips" if value else "noflips",
    "reconnect": lambda value: f"reconnect{value.reach:g}",
    "scored_at": str,
}


def evaluate_split(
    workdir: Path,
    settings: dict[str, Any],
    splits: data.Splits,
    split: str,
    predictor: inference.Predictor,
    scored_at: str,
    *,
    name: str,
    masks: bool = False,
    metrics: Sequence[str] = (),
    curves: bool = False,
    rule: str = FIXED,
    temperature: str = NONE,
) -> Evaluation:
    """Do what ``evaluate`` does, for data and a predictor that are loaded already.

    Args:
        workdir: the run's folder.
        settings: its ``config.data`` as a plain dict.
        splits: the data.
        split: train, val, test, shifted_val or shifted_test.
        predictor: what is scored.
        scored_at: "prepared" or "original" size.
        name: of the files.
        masks: save the predictions too.
        metrics: computed beside those that always are.
        curves: as ``evaluate``.
        rule: chooses the threshold on these records, which are val's; a key of ``metrics.RULES``.
        temperature: "val" fits it on them first.

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
    predictions = inference.Predictions(predictor, records, prepared=prepared)
    if temperature != NONE:
        predictor = inference.fit_temperature(predictor, predictions)
    if rule != FIXED:
        predictor = inference.choose_threshold(predictor, predictions, rule)
    folder = workdir / "eval" / f"{name}_predictions" if masks else None
    evaluation = inference.score(
        predictor, records, prepared=prepared, save_to=folder, metrics=metrics, curves=curves, predictions=predictions
    )
    report.write_run(workdir, evaluation, split=split, name=name, predictor=predictor, records=records)
    run_page.write_page(workdir)
    return evaluation
