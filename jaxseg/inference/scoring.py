"""Scores of a predictor: validation during training and the command ``launch/evaluate.py`` both use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from jaxseg.data.records import IGNORE, Record
from jaxseg.inference.predict_folder import pictures, write_pictures
from jaxseg.inference.predictions import Predictions, named
from jaxseg.inference.predictor import Predictor
from jaxseg.metrics import NONE, ON_VAL, Calibration, Evaluation, Tally, TemperatureSearch, ThresholdSearch, binary


def score(
    predictor: Predictor,
    records: Sequence[Record],
    *,
    prepared: bool = True,
    progress: bool = True,
    save_to: Path | None = None,
    metrics: Sequence[str] = (),
    curves: bool = False,
    check: Callable[[], None] = lambda: None,
    predictions: Predictions | None = None,
) -> Evaluation:
    """Score a predictor on every record, in the regions full and fov, as mean over images and over pooled pixels.

    Args:
        predictor: the model, with its threshold.
        records: images with their masks; of a ``data.records.Records``, a few are read ahead.
        prepared: the records are preprocessed already (resized, CLAHE), and are scored at that size. False: they are
            the original images; the probabilities are resized back and scored at the images' own size.
        progress: show how many images are done.
        save_to: a folder for the predictions, at the size that is scored; see ``predict_folder``. None: none is saved.
        metrics: those that are computed where they are asked for, see ``metrics.chosen``.
        curves: keep the points of the ROC, precision-recall and calibration curves.
        check: called before every image; what it raises ends the scoring.
        predictions: of these records, where they were needed before.

    Raises:
        ValueError: there is no record, a mask is not of its image's size or holds other values than the classes, or
            the model returned NaN; the message names the image.
    """
    if len(records) == 0:
        raise ValueError("there are no images to evaluate; choose a split that has some")
    predictions = predictions or Predictions(predictor, records, prepared=prepared, progress=progress)
    classes, calibration = predictor.classes, None if predictor.temperature_rule == NONE else Calibration()
    model = Tally(predictor.threshold, predictor.reconnect, classes=classes, metrics=metrics)
    human = Tally(() if classes else 0.5, classes=classes, ranked=False, metrics=metrics)
    check()
    with predictions.each("evaluate", last=True) as work:
        for record, plain in work:
            with named(record.id):
                probability = predictor.temper(plain)
                truth = _classes(record, "mask", len(classes)) if classes else _mask(record, "mask")
                known = truth != IGNORE if classes else None
                fov = _mask(record, "fov") if record.fov is not None else None
                model.add(record.id, probability, truth, fov, known)
                if calibration is not None:
                    calibration.add(plain, probability, truth)
                check()
                if save_to is not None:
                    drawn = pictures(record.image, probability, predictor.decide(probability), classes)
                    write_pictures(drawn, save_to, record.id)
                if record.observer2 is None:
                    continue
                if classes:
                    second = _classes(record, "observer2", len(classes))
                    certain = np.eye(IGNORE + 1, 1 + len(classes), dtype=np.float32)[second]
                    human.add(record.id, certain, truth, fov, known & (second != IGNORE))
                else:
                    human.add(record.id, _mask(record, "observer2").astype(np.float32), truth, fov)
    return Evaluation(
        summary=model.summary(),
        rows=model.rows,
        observer2=human.summary() if human.rows else None,
        threshold=predictor.threshold,
        scored_at="prepared" if prepared else "original",
        reconnect=predictor.reconnect,
        threshold_rule=predictor.threshold_rule,
        curves=model.curves() if curves else None,
        temperature=predictor.temperature,
        temperature_rule=predictor.temperature_rule,
        calibration=calibration.errors() if calibration is not None else None,
    )


def choose_threshold(predictor: Predictor, predictions: Predictions, rule: str) -> Predictor:
    """Return the predictor with the threshold that a rule, a key of ``metrics.RULES``, finds best on these images.

    Args:
        predictor: of one foreground, with its temperature.
        predictions: its own, of the records of val, and never of those that are to judge it.
        rule: what is to be largest.

    Raises:
        ValueError: as ``score``, or no threshold is better than another.
    """
    search = ThresholdSearch(rule, predictor.reconnect)
    with predictions.each("choose the threshold") as work:
        for record, probability in work:
            with named(record.id):
                search.add(predictor.temper(probability), _mask(record, "mask"))
    return predictor.deciding(search.best(), rule)


def fit_temperature(predictor: Predictor, predictions: Predictions) -> Predictor:
    """Return the predictor with the temperature of the smallest cross entropy over all pixels of these images.

    Arguments and errors as of ``choose_threshold``.
    """
    search = TemperatureSearch()
    with predictions.each("fit the temperature") as work:
        for record, probability in work:
            with named(record.id):
                search.add(probability, _mask(record, "mask"))
    return predictor.tempering(search.best(), ON_VAL)


def _mask(record: Record, name: str) -> np.ndarray:
    return binary(_sized(record, name), name)


def _classes(record: Record, name: str, number: int) -> np.ndarray:
    mask = _sized(record, name)
    strange = np.unique(mask[(mask > number) & (mask != IGNORE)])
    if strange.size:
        raise ValueError(
            f"its {name} holds {strange[0]}, and there are {number} classes; want 0 to {number}, or {IGNORE}"
        )
    return mask


def _sized(record: Record, name: str) -> np.ndarray:
    mask = getattr(record, name)
    if mask.shape != record.image.shape[:2]:
        raise ValueError(f"its {name} is {list(mask.shape)}; want the image's size, {list(record.image.shape[:2])}")
    return mask
