"""What a step takes: the run's key, records on the devices, and which of them this step uses.

Both feeds give ``feed(step, count)``, the arguments of the next ``count`` steps after the state, and the same images
for the same (seed, step): only where the images wait differs. Arrays have a leading axis of devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jaxseg.data import stream
from jaxseg.data.records import Records
from jaxseg.training import devices as on

Feed = tuple[Any, ...]  # what ``step.parallel_step`` takes after the state, or ``step.parallel_steps``


def shapes(
    records: Records,
    devices: on.Devices,
    *,
    batch_size: int,
    fov: bool = False,
    at_once: int = 1,
    resident: bool = True,
) -> Feed:
    """Return the shapes and types of what ``Resident`` gives of these arguments, or ``Streamed``; no image is read."""
    share, size = batch_size // len(devices), stream.canvas_size(records)
    key = jax.eval_shape(lambda: _key(0))
    arrays = stream.canvas_shapes(records if resident else records.take([0] * share), size, fov=fov)
    places = jax.ShapeDtypeStruct((share,), np.int32)
    if at_once == 1:
        return on.shapes((key, arrays, places, places), devices)
    return *on.shapes((key, arrays, jax.ShapeDtypeStruct((at_once, share), np.int32), places), devices), 1


class Resident:
    """The whole training set lives in the memory of every device; a step sends a few indices.

    Args:
        records: the training set.
        devices: that share a batch.
        seed: of the run.
        batch_size: images in one step.
        fov: whether the fields of view come too.
        at_once: the most steps that are sent together; with more than 1 it feeds ``step.parallel_steps``.
    """

    def __init__(
        self, records: Records, devices: on.Devices, *, seed: int, batch_size: int, fov: bool = False, at_once: int = 1
    ):
        self._devices, self._seed, self._batch_size, self._at_once = devices, seed, batch_size, at_once
        self._count = len(records)
        self._key = on.replicate(_key(seed), devices)
        self._arrays = on.replicate(stream.canvas(records, fov=fov), devices)
        self._places = on.split(_shares(np.arange(batch_size), devices), devices)

    def __call__(self, step: int, count: int) -> Feed:
        """Return what the ``count`` steps from ``step`` on take."""
        rows = [
            _shares(stream.indices(self._seed, step + i, self._batch_size, self._count), self._devices)
            for i in range(count)
        ]
        if self._at_once == 1:
            return self._key, self._arrays, on.split(rows[0], self._devices), self._places
        rows += rows[:1] * (self._at_once - count)  # never taken
        return self._key, self._arrays, on.split(np.stack(rows, 1), self._devices), self._places, count

    def close(self) -> None:
        """Nothing runs beside the steps."""


class Streamed:
    """Grain reads the images of each step while the devices work on the one before; for sets too large to reside."""

    def __init__(
        self, records: Records, devices: on.Devices, *, seed: int, batch_size: int, start: int, fov: bool = False
    ):
        self._devices = devices
        self._batches: Iterator[stream.Arrays] = stream.streamed(records, seed, batch_size, start, fov=fov)
        self._places = on.split(_shares(np.arange(batch_size), devices), devices)
        share = np.arange(batch_size // len(devices))
        self._indices = on.replicate(share, devices)
        self._key = on.replicate(_key(seed), devices)
        self._next = start

    def __call__(self, step: int, count: int) -> Feed:
        """Return what ``step`` takes; steps are asked for in order, one by one (``count`` is 1)."""
        if step != self._next:
            raise ValueError(f"a streamed feed gives its steps in order: {self._next} is next, {step} was asked for")
        self._next += 1
        arrays = jax.tree.map(lambda a: _shares(a, self._devices), next(self._batches))
        return self._key, on.split(arrays, self._devices), self._indices, self._places

    def close(self) -> None:
        """Stop reading ahead."""
        self._batches.close()  # type: ignore[attr-defined]


def _key(seed: int) -> jax.Array:
    return jax.random.key_data(jax.random.key(seed))


def _shares(batch: np.ndarray, devices: on.Devices) -> np.ndarray:
    return batch.reshape(len(devices), -1, *batch.shape[1:])
