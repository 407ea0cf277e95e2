"""Progress of long work: a tqdm bar on a terminal, plain lines with an ETA elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

# One process draws. tqdm's own lock is one between processes, which a process that is killed would leave behind.
tqdm.set_lock(threading.RLock())


class Progress:
    """Shows how many steps of ``total`` are done, and the time left.

    The time left is counted from the end of the first step: that one may compile, and says nothing of the others.

    Args:
        total: steps in all.
        label: what the steps are, in a word or two.
        start: steps done before (a resumed run).
        unit: what one step is called.
        every: seconds between two plain lines; a terminal's bar is redrawn as tqdm sees fit.
    """

    def __init__(self, total: int, label: str, *, start: int = 0, unit: str = "step", every: float = 10.0):
        # A terminal without columns, as in some containers, would show no bar at all.
        self.terminal = sys.stderr.isatty() and os.get_terminal_size(sys.stderr.fileno()).columns > 0
        self._total, self._label, self._unit, self._every = total, label, unit, every
        self._done = self._counted_from = start
        self._bar = self._open()
        self._began: float | None = None
        self._told = time.monotonic()

    def _open(self) -> tqdm:
        return tqdm(
            total=self._total,
            initial=self._done,
            desc=self._label,
            unit=self._unit,
            disable=not self.terminal,
            leave=False,
        )

    def advance(self, **figures: str) -> None:
        """Count one step; ``figures`` stand behind the count."""
        self._done += 1
        now = time.monotonic()
        if self._began is None:
            self._counted_from, self._began = self._done, now
            self._bar.close()
            self._bar = self._open()  # its clock starts here
            self._bar.set_postfix(figures)
        elif self.terminal:
            self._bar.set_postfix(figures, refresh=False)
            self._bar.update()
        elif now - self._told >= self._every:
            self._told = now
            left = (now - self._began) / (self._done - self._counted_from) * (self._total - self._done)
            told = "".join(f", {name} {value}" for name, value in figures.items())
            self.say(f"{self._label}: {self._unit} {self._done}/{self._total}{told}, {clock(left)} left")

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        if self.terminal:
            self._bar.write(line)
        else:
            print(line, flush=True)

    def close(self) -> None:
        """Remove the bar from the terminal."""
        self._bar.close()


def track(items: Iterable[T], label: str, *, total: int | None = None, unit: str = "image") -> Iterator[T]:
    """Yield ``items``, showing how many of ``total`` (their length, where they have one) are done."""
    progress = Progress(len(items) if total is None else total, label, unit=unit)  # type: ignore[arg-type]
    try:
        for item in items:
            yield item
            progress.advance()
    finally:
        progress.close()


def clock(seconds: float) -> str:
    """Return a duration in seconds as text, such as ``45 s``, ``12 min`` or ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
