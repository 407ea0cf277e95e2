"""Where images are computed: the devices, and how many images each has in work at once."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import jax

# Images at once on a CPU: what one leaves of its cores, where its operations are small, another one takes.
AT_ONCE = 2


class Places:
    """The variables on each device that computes images, as often as it computes several at once.

    Attributes:
        sharing: images at once in the memory of one device.
    """

    def __init__(self, held: Sequence[Any], sharing: int = 1):
        """Hold the variables of each place."""
        self.sharing = sharing
        self._free: queue.SimpleQueue = queue.SimpleQueue()
        self._number, self._gathering = len(held), threading.Lock()
        for one in held:
            self._free.put(one)

    @classmethod
    def everywhere(cls, variables: Any) -> Places:
        """Return the places of all devices; those of a CPU are one: its cores."""
        if jax.default_backend() == "cpu":
            return cls([variables] * AT_ONCE, AT_ONCE)
        return cls([jax.device_put(variables, device) for device in jax.local_devices()])

    @contextlib.contextmanager
    def one(self) -> Iterator[Any]:
        """Give variables on a device that is free, once there is one."""
        variables = self._free.get()
        try:
            yield variables
        finally:
            self._free.put(variables)

    @contextlib.contextmanager
    def all(self) -> Iterator[None]:
        """Hold every place, once the images in work are done, so that one may have all the memory."""
        with self._gathering:  # two that gather would wait for each other
            held = [self._free.get() for _ in range(self._number)]
        try:
            yield
        finally:
            for one in held:
                self._free.put(one)
