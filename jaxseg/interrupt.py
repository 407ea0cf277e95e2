"""Ctrl-C (SIGINT) and SIGTERM: they end a launcher at once, or let training finish its step and save."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """Training was asked to stop and did, with everything saved; ``signal`` is the signal that asked."""

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.signal = signal


class StopRequest:
    """A context in which the first SIGINT or SIGTERM is only noted; a second one acts as outside of the context.

    Outside of Python's main thread, where no handler can be set, nothing is noted and signals act as ever.

    Attributes:
        signal: the number of the signal that came, None while none has.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.heard = 0  # signals, as ``leave_at_once`` counts them
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python forbids handlers
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number
            with contextlib.suppress(OSError):  # nobody reads
                os.write(1, b"\nstopping after this step; once more leaves at once, without saving\n")
        else:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def __exit__(self, *_: object) -> None:
        self._restore()


def ask_to_stop() -> None:
    """Send this process a SIGTERM, unless it was asked to stop already: a second one would not let it save."""
    request = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not (isinstance(request, StopRequest) and request.signal is not None):
        os.kill(os.getpid(), signal.SIGTERM)


def leave_at_once() -> None:
    """From now on the first SIGINT or SIGTERM ends the process: one line on stderr, exit code 128 + signal.

    Python runs a handler between two of its own instructions: not before a compiler, which may take minutes, returns.
    So a thread beside the work waits for the signals. Whoever sets another handler gets them instead, a ``StopRequest``
    the first.

    Nothing is cleaned up: every file is written so that a kill at any moment leaves a whole one.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _left_to_the_thread)
    threading.Thread(target=_wait, args=(reader,), daemon=True).start()


def _left_to_the_thread(number: int, frame: FrameType | None) -> None:
    """Do nothing: the number is in the pipe already."""


def _wait(reader: int) -> None:
    while number := os.read(reader, 1):
        handler = signal.getsignal(number[0])
        request = getattr(handler, "__self__", None)
        leave = handler is _left_to_the_thread
        if isinstance(request, StopRequest):
            request.heard += 1
            leave = request.heard > 1
        if leave:
            try:
                os.write(2, b"interrupted\n")
            finally:  # nobody may read it
                os._exit(128 + number[0])
