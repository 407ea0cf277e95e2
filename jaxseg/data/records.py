"""Images with their masks, as records, and sequences of records that are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np

from jaxseg.data.images import Mask, Picture

IGNORE = 255  # in a mask of classes: nobody knows the pixel's class, and neither loss nor scores count it


class Record(NamedTuple):
    """An image and its masks, all of one height and width; masks are uint8 in {0, 1}.

    ``mask`` is the ground truth of training and scores: 0 is background and 1 foreground, vessel or lesion. Where
    ``data.classes`` names classes, k is the k-th of them and ``IGNORE`` what no class is known of.
    """

    id: str
    image: Picture
    mask: Mask
    fov: Mask | None  # 1 inside the field of view of a fundus camera; None where the set has none
    observer2: Mask | None  # the mask of a second observer
    group: str  # images of one group (one person) stay together in every split
    channels: np.ndarray | None = None  # uint8 [height, width, channels], what the network sees; None: the image

    @property
    def seen(self) -> np.ndarray:
        """What the network sees: the image, or the channels that were made of it."""
        return self.image if self.channels is None else self.channels


class Records(Sequence):  # not Sequence[Record]: beartype would read an image to check its type
    """A sequence of ``Record``; each is read when it is asked for, every time, and none is kept in memory."""

    def __init__(
        self,
        read: Callable[[int], Record],
        ids: Sequence[str],
        sizes: Sequence[tuple[int, int]] | None = None,
        channels: int = 3,
    ):
        """Make the sequence of ``read(0), read(1), ...``.

        Args:
            read: gives the record at an index; picklable, where worker processes are to read.
            ids: names of the records.
            sizes: their heights and widths, where these are known without reading.
            channels: how many the network sees.
        """
        self.ids = tuple(ids)
        self.channels = channels
        self._sizes = None if sizes is None else tuple(sizes)
        self._read = read
        self._indices: tuple[int, ...] = tuple(range(len(self.ids)))

    @classmethod
    def of(cls, records: Sequence[Record]) -> Records:
        """Return a sequence of records in memory as ``Records``."""
        channels = {record.seen.shape[-1] for record in records}
        return cls(records.__getitem__, [record.id for record in records], None, *channels)

    def take(self, indices: Sequence[int]) -> Records:
        """Return the records at ``indices``, in that order, still unread."""
        sizes = None if self._sizes is None else [self._sizes[i] for i in indices]
        taken = Records(self._read, [self.ids[i] for i in indices], sizes, self.channels)
        taken._indices = tuple(self._indices[i] for i in indices)
        return taken

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of every image; where they are not known, every record is read once to find out."""
        if self._sizes is None:
            self._sizes = tuple((record.mask.shape[0], record.mask.shape[1]) for record in self)
        return self._sizes

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Records: ...

    def __getitem__(self, index: int | slice) -> Record | Records:
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        return self._read(self._indices[index])

    def __iter__(self) -> Iterator[Record]:
        return (self._read(i) for i in self._indices)
