"""Locks on files, which the system lets go of however the process that holds them ends."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def lock(path: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of ``path``, a file that is made where it is not there, for as long as the context is open.

    Args:
        path: the file; nothing is written to it.
        busy: called where another process holds the lock. Where it returns, the lock is waited for.
    """
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
