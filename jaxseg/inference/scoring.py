"""Scores of a predictor: validation during training and the command ``launch/evaluate.py`` both use them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxseg.ahead import ahead
from jaxseg.data.records import IGNORE, Record, Records
from jaxseg.inference.predict_folder import pictures, write_pictures
from jaxseg.inference.predictor import Predictor
from jaxseg.metrics import Evaluation, Tally, ThresholdSearch, binary
from jaxseg.progress import track


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

    Raises:
        ValueError: there is no record, a mask is not of its image's size or holds other values than the classes, or
            the model returned NaN; the message names the image.
    """
    if len(records) == 0:
        raise ValueError("there are no images to evaluate; choose a split that has some")
    predictor, classes = expecting(predictor, records, prepared=prepared), predictor.classes
    model = Tally(predictor.threshold, predictor.reconnect, classes=classes, metrics=metrics)
    human = Tally(() if classes else 0.5, classes=classes, ranked=False, metrics=metrics)
    check()
    with _predicted(predictor, records, prepared) as work:
        for record, probability in track(work, "evaluate", total=len(records)) if progress else work:
            with _named(record.id):
                truth = _classes(record, "mask", len(classes)) if classes else _mask(record, "mask")
                known = truth != IGNORE if classes else None
                fov = _mask(record, "fov") if record.fov is not None else None
                model.add(record.id, probability, truth, fov, known)
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
    )


def choose_threshold(
    predictor: Predictor, records: Sequence[Record], rule: str, *, prepared: bool = True, progress: bool = True
) -> Predictor:
    """Return the predictor with the threshold that a rule, a key of ``metrics.RULES``, finds best on these records.

    Args:
        predictor: of one foreground.
        records: those of val, see ``score``; never those that are to judge the predictor.
        rule: what is to be largest.
        prepared: see ``score``.
        progress: see ``score``.

    Raises:
        ValueError: as ``score``, or no threshold is better than another.
    """
    search = ThresholdSearch(rule)
    with _predicted(expecting(predictor, records, prepared=prepared), records, prepared) as work:
        for record, probability in track(work, "choose the threshold", total=len(records)) if progress else work:
            with _named(record.id):
                search.add(probability, _mask(record, "mask"))
    return predictor.deciding(search.best(), rule)


@contextlib.contextmanager
def _predicted(
    predictor: Predictor, records: Sequence[Record], prepared: bool
) -> Iterator[Iterator[tuple[Record, np.ndarray]]]:
    """Give every record with its probabilities, a few of them computed ahead."""
    predict = predictor.prepared if prepared else predictor

    def predicted(place: int) -> tuple[Record, np.ndarray]:
        record = records[place]
        with _named(record.id):
            return record, predict(record.seen)

    with contextlib.closing(ahead(predicted, range(len(records)))) as work:
        yield work


def expecting(predictor: Predictor, records: Sequence[Record], *, prepared: bool) -> Predictor:
    """Return the predictor that needs few programs for these records; ``prepared`` as in ``score``."""
    if predictor.preprocess.image_size and not prepared:
        height, width = predictor.preprocess.image_size
        return predictor.expecting([(height, width)])  # all become one size
    sizes = records.sizes if isinstance(records, Records) else [record.image.shape[:2] for record in records]
    return predictor.expecting(sizes)


@contextlib.contextmanager
def _named(image: str) -> Iterator[None]:
    """Name the image in what a ``ValueError`` says."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"image {image}: {error}") from error


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
