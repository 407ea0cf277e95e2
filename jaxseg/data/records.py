"""One image with what is known about it, and lazy sequences of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, overload

from jaxseg.data.images import Mask, Picture


class Record(NamedTuple):
    """An image and its masks, all of one height and width; masks are uint8 in {0, 1}."""

    id: str
    image: Picture
    mask: Mask  # 1 is foreground: vessel or lesion; what training and scores take as the truth
    fov: Mask | None  # 1 inside the field of view of a round camera; None where the set has no such thing
    observer2: Mask | None  # the mask of a second observer
    group: str  # images of one group (one person) stay on one side of every split


class Records(Sequence):  # not Sequence[Record]: a type checker at run time would read images to look at them
    """A sequence of ``Record``, each read when it is asked for; nothing is kept."""

    def __init__(
        self,
        read: Callable[[int], Record],
        ids: Sequence[str],
        groups: Sequence[str],
        sizes: Sequence[tuple[int, int]] | None = None,
    ):
        """Make the sequence of ``read(0), read(1), ...``.

        Args:
            read: gives a record by its place; picklable, where worker processes are to read.
            ids: their names, known without reading; so are ``groups``.
            groups: what stays together in a split.
            sizes: heights and widths, where they are known.
        """
        self.ids = tuple(ids)
        self.groups = tuple(groups)
        self._sizes = None if sizes is None else tuple(sizes)
        self._read = read
        self._indices: tuple[int, ...] = tuple(range(len(self.ids)))

    @classmethod
    def of(cls, records: Sequence[Record]) -> Records:
        """Return records that are in memory already as ``Records``."""
        return cls(records.__getitem__, [record.id for record in records], [record.group for record in records])

    def take(self, indices: Sequence[int]) -> Records:
        """Return the records at ``indices``, in that order, still unread."""
        sizes = None if self._sizes is None else [self._sizes[i] for i in indices]
        taken = Records(self._read, [self.ids[i] for i in indices], [self.groups[i] for i in indices], sizes)
        taken._indices = tuple(self._indices[i] for i in indices)
        return taken

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of every image; where they are not known, each is read once."""
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
