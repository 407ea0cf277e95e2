"""Ctrl-C (SIGINT) and SIGTERM as a request to finish the step, save and leave, instead of an exception in its midst."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


class StopRequest:
    """A context in which the first SIGINT or SIGTERM is only noted; a second one acts as outside of the context.

    Outside of Python's main thread, where no handler can be set, nothing is noted and signals act as ever.

    Attributes:
        signal: the number of the signal that came, None while none has.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python forbids handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()
        os.write(2, b"\nstopping after this step; once more leaves at once, without saving\n")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def __exit__(self, *_: object) -> None:
        self._restore()
