"""A predictor's probabilities of a set of images, which several things are found from, one after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from jaxseg.ahead import ahead
from jaxseg.data.records import Record, Records
from jaxseg.inference.predictor import Predictor
from jaxseg.progress import track

KEPT_BYTES = 1 << 30  # of probabilities; those of a larger set are computed each time


class Predictions:
    """The records of a set, each with its probabilities, those of a small set computed once.

    Args:
        predictor: the model; its temperature and threshold play no part.
        records: of a ``data.records.Records``, a few are read ahead.
        prepared: see ``score``.
        progress: show how many images are done.
        limit: bytes of probabilities that are kept.
    """

    def __init__(
        self,
        predictor: Predictor,
        records: Sequence[Record],
        *,
        prepared: bool = True,
        progress: bool = True,
        limit: int = KEPT_BYTES,
    ):
        plain = expecting(predictor, records, prepared=prepared).tempering(1.0)
        self._predict = plain.prepared if prepared else plain
        self._records, self._progress, self._limit = records, progress, limit
        self._kept: dict[int, np.ndarray] = {}
        self._bytes = 0

    @contextlib.contextmanager
    def each(self, what: str, *, last: bool = False) -> Iterator[Iterator[tuple[Record, np.ndarray]]]:
        """Give every record with its probabilities, a few of them computed ahead.

        Args:
            what: is done with them, beside the progress.
            last: they are not needed again, so that none is kept.
        """
        with contextlib.closing(ahead(self._one, range(len(self._records)))) as work:
            kept = self._keeping(work, last)
            yield track(kept, what, total=len(self._records)) if self._progress else kept

    def _one(self, place: int) -> tuple[Record, np.ndarray]:
        record = self._records[place]
        if (known := self._kept.get(place)) is not None:
            return record, known
        with named(record.id):
            return record, self._predict(record.seen)

    def _keeping(self, work: Iterator[tuple[Record, np.ndarray]], last: bool) -> Iterator[tuple[Record, np.ndarray]]:
        for place, (record, probability) in enumerate(work):
            if not last and place not in self._kept and self._bytes + probability.nbytes <= self._limit:
                self._kept[place] = probability
                self._bytes += probability.nbytes
            yield record, probability


def expecting(predictor: Predictor, records: Sequence[Record], *, prepared: bool) -> Predictor:
    """Return the predictor that needs few programs for these records; ``prepared`` as in ``score``."""
    if predictor.preprocess.image_size and not prepared:
        height, width = predictor.preprocess.image_size
        return predictor.expecting([(height, width)])  # all become one size
    sizes = records.sizes if isinstance(records, Records) else [record.image.shape[:2] for record in records]
    return predictor.expecting(sizes)


@contextlib.contextmanager
def named(image: str) -> Iterator[None]:
    """Name the image in what a ``ValueError`` says."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"image {image}: {error}") from error
