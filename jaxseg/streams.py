"""What a process prints: it may lose whoever reads it and goes on, and an error of a stream names the stream."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from jaxseg import files


def outlive_the_reader() -> None:
    """Drop what is printed from now on once nobody reads it: a run whose ``tee`` was stopped goes on, and is saved."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # the process began without it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, it stays open
            continue
        heard = io.BufferedWriter(_Heard(descriptor, name))
        # A name that is not UTF-8 is printed with its bytes written out.
        kept = io.TextIOWrapper(heard, stream.encoding, "backslashreplace", line_buffering=stream.line_buffering)
        setattr(sys, name, kept)


class _Heard(io.FileIO):
    def __init__(self, descriptor: int, name: str):
        super().__init__(descriptor, "wb", closefd=False)
        self._stream = name

    def write(self, data: Any) -> int:
        """Write what is read, and drop what is not."""
        try:
            with files.named(self._stream):
                return super().write(data) or 0
        except BrokenPipeError:
            return memoryview(data).nbytes
