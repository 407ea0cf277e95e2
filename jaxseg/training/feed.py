"""What a step takes: records on the devices, and which of them this step uses.

Both feeds give ``feed(step) -> (arrays, indices, places)``, each with a leading axis of devices, and the same images
for the same (seed, step): only where the images wait differs.
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np

from jaxseg.data import stream
from jaxseg.data.records import Records
from jaxseg.training.devices import Devices, replicate, split

Feed = tuple[stream.Arrays, jax.Array, jax.Array]


class Resident:
    """The whole training set lives in the memory of every device; a step sends a few indices."""

    def __init__(self, records: Records, devices: Devices, *, seed: int, batch_size: int, fov: bool = False):
        self._devices, self._seed, self._batch_size = devices, seed, batch_size
        self._count = len(records)
        self._arrays = replicate(stream.canvas(records, fov=fov), devices)
        self._places = split(_shares(np.arange(batch_size), devices), devices)

    def __call__(self, step: int) -> Feed:
        """Return what ``step`` takes."""
        indices = stream.indices(self._seed, step, self._batch_size, self._count)
        return self._arrays, split(_shares(indices, self._devices), self._devices), self._places

    def close(self) -> None:
        """Nothing runs beside the steps."""


class Streamed:
    """Grain reads the images of each step while the devices work on the one before; for sets too large to reside."""

    def __init__(
        self, records: Records, devices: Devices, *, seed: int, batch_size: int, start: int, fov: bool = False
    ):
        self._devices = devices
        self._batches: Iterator[stream.Arrays] = stream.streamed(records, seed, batch_size, start, fov=fov)
        self._places = split(_shares(np.arange(batch_size), devices), devices)
        share = np.arange(batch_size // len(devices))
        self._indices = replicate(share, devices)
        self._next = start

    def __call__(self, step: int) -> Feed:
        """Return what ``step`` takes; steps are asked for in order."""
        if step != self._next:
            raise ValueError(f"a streamed feed gives its steps in order: {self._next} is next, {step} was asked for")
        self._next += 1
        arrays = jax.tree.map(lambda a: _shares(a, self._devices), next(self._batches))
        return split(arrays, self._devices), self._indices, self._places

    def close(self) -> None:
        """Stop reading ahead."""
        self._batches.close()  # type: ignore[attr-defined]


def _shares(batch: np.ndarray, devices: Devices) -> np.ndarray:
    return batch.reshape(len(devices), -1, *batch.shape[1:])
