"""Scores of a predictor: validation during training and the command ``launch/evaluate.py`` both use them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxseg.data.records import IGNORE, Record
from jaxseg.inference.predictor import Predictor
from jaxseg.metrics import Evaluation, Tally, binary
from jaxseg.progress import track


def score(
    predictor: Predictor,
    records: Sequence[Record],
    *,
    prepared: bool = True,
    progress: bool = True,
) -> Evaluation:
    """Score a predictor on every record, in the regions full and fov, as mean over images and over pooled pixels.

    Args:
        predictor: the model, with its threshold.
        records: images with their masks; a ``data.records.Records`` is read one at a time.
        prepared: the records are preprocessed already (resized, CLAHE), and are scored at that size. False: they are
            the original images; the probabilities are resized back and scored at the images' own size.
        progress: show how many images are done.

    Raises:
        ValueError: there is no record, a mask is not of its image's size or holds other values than the classes, or
            the model returned NaN; the message names the image.
    """
    if len(records) == 0:
        raise ValueError("there are no images to evaluate; choose a split that has some")
    classes = predictor.classes
    model = Tally(predictor.threshold, classes=classes)
    human = Tally(() if classes else 0.5, classes=classes, ranked=False)
    predict = predictor.prepared if prepared else predictor
    for record in track(records, "evaluate") if progress else records:
        try:
            truth = _classes(record, "mask", len(classes)) if classes else _mask(record, "mask")
            known = truth != IGNORE if classes else None
            fov = _mask(record, "fov") if record.fov is not None else None
            model.add(record.id, predict(record.image), truth, fov, known)
            if record.observer2 is None:
                continue
            if classes:
                second = _classes(record, "observer2", len(classes))
                certain = np.eye(IGNORE + 1, 1 + len(classes), dtype=np.float32)[second]
                human.add(record.id, certain, truth, fov, known & (second != IGNORE))
            else:
                human.add(record.id, _mask(record, "observer2").astype(np.float32), truth, fov)
        except ValueError as error:
            raise ValueError(f"image {record.id}: {error}") from error
    return Evaluation(
        summary=model.summary(),
        rows=model.rows,
        observer2=human.summary() if human.rows else None,
        threshold=predictor.threshold,
        scored_at="prepared" if prepared else "original",
    )


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
