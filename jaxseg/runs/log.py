"""The figures of a run: ``metrics.jsonl``, which everything is read from, and TensorBoard events beside it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from jaxseg import files
from jaxseg.runs.checkpoint import Checkpoints

NAME = "metrics.jsonl"
Row = dict[str, Any]


def read_metrics(workdir: Path) -> list[Row]:
    """Return the rows of a run's ``metrics.jsonl``; none where the file is not there.

    Raises:
        ValueError: the file is damaged; what the newest checkpoint knows of is compared with its digest.
    """
    path = workdir / NAME
    if not path.exists():
        return []
    return [row for row, _ in _rows(path, Checkpoints(workdir / "checkpoints", read_only=True).log())]


class MetricsLog:
    """``metrics.jsonl`` (the machine's truth) and TensorBoard events, one row of figures a call.

    Args:
        directory: the run's folder.
        step: where the run starts; rows past it, of a run that was killed after its last checkpoint, are dropped.
        state: what ``state`` was at that step, {} of a new run.

    Raises:
        ValueError: the rows up to that step are not those that were written.
    """

    def __init__(self, directory: Path, step: int, state: dict[str, Any] | None = None):
        self._path = path = directory / NAME
        state = state or {}
        rows = _rows(path, state) if path.exists() else []
        if step and not path.exists():
            print(f"note: {path} is gone; it begins again at step {step}", flush=True)
        kept = b"".join(line for row, line in rows if row["step"] <= step)
        files.write(path, kept)
        self._file = path.open("ab")
        self._events = Events(directory, step)
        self._digest, self._bytes = hashlib.sha256(kept), len(kept)
        self._before, self._began = state.get("seconds", 0.0), time.monotonic()

    @property
    def state(self) -> dict[str, Any]:
        """Seconds that the run has taken, over all its starts, and what was written so far; plain JSON."""
        return {"seconds": self._seconds(), "bytes": self._bytes, "digest": self._digest.hexdigest()}

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Append the figures of a step, keyed ``split/region/reduction/metric`` or ``train/...``, and its seconds."""
        self.check()
        line = json.dumps({"step": step, "seconds": self._seconds(), **figures}).encode() + b"\n"
        with files.named(self._path):
            self._file.write(line)
            self._file.flush()
        self._digest.update(line)
        self._bytes += len(line)
        self._events.write(step, figures)

    def check(self) -> None:
        """Raise FileNotFoundError where the file is no longer there: somebody moves or deletes the run's folder."""
        try:
            there = os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            there = False
        if not there:
            raise FileNotFoundError(f"{self._path} was moved or deleted under its run, which ends here")

    def close(self) -> None:
        """Close both files."""
        with files.named(self._path):
            self._file.close()
        self._events.close()

    def _seconds(self) -> float:
        return round(self._before + time.monotonic() - self._began, 3)


def _rows(path: Path, state: dict[str, Any]) -> list[tuple[Row, bytes]]:
    """Return every row with its line, compared with a ``state``; a last line that a kill ended is left out."""
    content, rows = path.read_bytes(), []
    if "digest" in state and hashlib.sha256(content[: state["bytes"]]).hexdigest() != state["digest"]:
        raise ValueError(
            f"{path}: not what training wrote, by the digest in the checkpoint; restore the file, or move it away and "
            "resume the run: its curves then begin there"
        )
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or not isinstance(row.get("step"), int):
                raise ValueError("no row with a step")
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: not what training wrote ({error}); restore the file") from error
        rows.append((row, line))
    return rows


class Events:
    """TensorBoard's events, written at once: tensorboardX's own writer does it in a thread, and hangs if that fails.

    Args:
        directory: the run's folder.
        step: where the run starts; TensorBoard forgets what an earlier start wrote of later steps.
    """

    def __init__(self, directory: Path, step: int):
        # tensorboardX imports torch where there is one: seconds and 180 MiB, for tensors that nobody gives it.
        modules: dict[str, Any] = sys.modules
        if hidden := "torch" not in modules:
            modules["torch"] = None
        try:
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto import event_pb2
            from tensorboardX.summary import scalar
        finally:
            if hidden:
                del modules["torch"]
        types: Any = event_pb2  # a generated module, which checkers cannot read
        self._event, self._scalar, self._directory = types.Event, scalar, directory
        with files.named(directory):
            self._file = EventsWriter(str(directory / "events"))
            if step:
                start = types.SessionLog(status=types.SessionLog.START)
                self._file.write_event(types.Event(wall_time=time.time(), step=step + 1, session_log=start))

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Append the figures of a step."""
        with files.named(self._directory):
            for name, value in figures.items():
                summary = self._scalar(name, value)
                self._file.write_event(self._event(wall_time=time.time(), step=step, summary=summary))
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with files.named(self._directory):
            self._file.close()
