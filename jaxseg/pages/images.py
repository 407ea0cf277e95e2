"""Images of a study with the prediction of every model, chosen by rules that are told and not by eye."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxseg import data, inference, report
from jaxseg.metrics import metric
from jaxseg.pages.scores import FIGURES, Split
from jaxseg.report import Picture, Section
from jaxseg.runs.scored import Scored

_APART = 2  # images shown of each: the worst, the most gained, the most lost


def chosen(scores: Mapping[str, np.ndarray], ids: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the images to show and the reasons, by id: extremes of the first model, and of the last less the first.

    Args:
        scores: of each model by its name, float [images]; NaN where an image has none.
        ids: of the images.
    """
    first, last = next(iter(scores)), list(scores)[-1]
    found: dict[str, list[str]] = {}

    def add(places: Any, reason: str) -> None:
        for place in places:
            found.setdefault(ids[place], []).append(reason)

    order = _ascending(scores[first])
    add(order[:_APART], f"worst of {first}")
    add(order[(len(order) - 1) // 2 :][:1], f"median of {first}")
    add(order[-1:], f"best of {first}")
    if first != last:
        difference = scores[last] - scores[first]
        order = _ascending(difference)
        add([place for place in order[::-1][:_APART] if difference[place] > 0], f"{last} gains most")
        add([place for place in order[:_APART] if difference[place] < 0], f"{last} loses most")
    return found


def _ascending(values: np.ndarray) -> list[int]:
    order = np.argsort(values, kind="stable")
    return [int(place) for place in order if not np.isnan(values[place])]


def image_section(split: Split, folder: Path, data_dir: str) -> Section | None:
    """Return the section of the images of a split, each predicted anew by the first run of every model.

    None where no image has a score. A sentence stands in place of the pictures where images or checkpoints are gone.

    Args:
        split: the runs.
        folder: of the study, into whose ``figures/`` the pictures go.
        data_dir: where the images lie now; "" for where each run found them.
    """
    models = {model.name: model.scores.mean(axis=0) for model in split.models(split.select, "full")}
    shown = chosen(models, split.first.ids)
    if not shown:
        return None
    heading, first, last = metric(split.select).heading, next(iter(models)), list(models)[-1]
    seeds = ", ".join(f"{name} {runs[0].config['seed']}" for name, runs in split.runs.items())
    differing = f"; up to {_APART} images each with the largest gain and the largest loss of {last} against {first}"
    wrong = ", pink = wrong class" if split.first.config["data"]["classes"] else ""
    rule = (
        f"Images selected by {heading} of the full image, mean over seeds: the {_APART} worst, the median and the best "
        f"of {first}{differing if len(models) > 1 else ''}. Predictions and scores are from one run of each model "
        f"(seed: {seeds}), shown at the size of {first}. Colours on the darkened photograph: pale = true positive, "
        f"blue = false negative, orange = false positive{wrong}."
    )
    section = Section(f"Images of {split.name}", [rule])
    try:
        drawn = {name: _predicted(runs[0], split.name, list(shown), data_dir) for name, runs in split.runs.items()}
    except (OSError, ValueError) as error:
        section.blocks.append(f"No pictures: {error}")
        return section
    scores = {name: runs[0].scores(split.select, "full") for name, runs in split.runs.items()}
    for number, (image, reasons) in enumerate(shown.items()):
        record = drawn[first][image][0]
        own = {f"{name}  {_score(scores[name][image])}": _fit(of[image][1], record) for name, of in drawn.items()}
        path, told = f"{FIGURES}/{split.name}_image{number}.png", f"{image}: {', '.join(reasons)}"
        classes = len(split.first.config["data"]["classes"])
        report.draw_side_by_side(record.image, record.mask, own, folder / path, classes=classes)
        values = ", ".join(f"{name} {_score(scores[name][image])}" for name in drawn)
        alt = f"{image}: the photograph, the truth, and the errors of each model. {heading}: {values}."
        section.blocks.append(Picture(path, alt, f"{told}. {heading}: {values}.", photographs=True))
    return section


def _fit(classes: np.ndarray, record: data.Record) -> np.ndarray:
    """Return predicted classes at a record's size: models may be scored at sizes of their own."""
    rows, columns = (
        np.arange(wanted) * given // wanted for wanted, given in zip(record.mask.shape, classes.shape, strict=True)
    )
    return classes[rows[:, None], columns]


def _score(value: float) -> str:
    return report.UNDEFINED if np.isnan(value) else f"{value:.4f}"


def _predicted(run: Scored, split: str, ids: list[str], data_dir: str) -> dict[str, tuple[data.Record, np.ndarray]]:
    """Return the record and the predicted classes of each image, at the size at which the run was scored.

    Of a cross-validation each image is predicted by the fold that did not train on it.
    """
    found: dict[str, tuple[data.Record, np.ndarray]] = {}
    for part in run.parts:
        if own := [name for name in ids if name in part.ids]:
            found |= _predicted_by(part, split, own, data_dir)
    return found


def _predicted_by(run: Scored, split: str, ids: list[str], data_dir: str) -> dict[str, tuple[data.Record, np.ndarray]]:
    predictor, prepared = inference.load(run.workdir), run.facts["scored_at"] == "prepared"
    settings = run.config["data"] | ({"dir": data_dir} if data_dir else {})
    found = data.load(settings)
    held = found.description["splits"].get(split) or {}  # whose images are gone
    if json.loads(json.dumps(held.get("digests"))) != run.digests:
        raise ValueError(f"the images of {settings['name']} are no longer those that {run.workdir} was scored on")
    records = getattr(found, split) if prepared else data.load_split(settings, split)
    predictor = inference.expecting(predictor, records, prepared=prepared)
    predict = predictor.prepared if prepared else predictor
    taken = {name: records[records.ids.index(name)] for name in ids}
    return {name: (record, predictor.decide(predict(record.seen))) for name, record in taken.items()}
