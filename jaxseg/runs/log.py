"""The figures of a run: ``metrics.jsonl``, which everything is read from, and TensorBoard events beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a ``metrics.jsonl``; none where the file is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class MetricsLog:
    """``metrics.jsonl`` (the machine's truth) and TensorBoard events, one row of figures a call.

    Args:
        directory: the run's folder.
        step: where the run starts; rows past it, of a run that was killed after its last checkpoint, are dropped.
    """

    def __init__(self, directory: Path, step: int):
        path = directory / "metrics.jsonl"
        rows = path.read_text().splitlines(keepends=True) if path.exists() else []
        kept = "".join(row for row in rows if row.endswith("\n") and json.loads(row)["step"] <= step)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(kept)
        partial.replace(path)
        self._file = path.open("a")
        self._events = _events(directory, step)

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Append the figures of a step, keyed ``split/region/reduction/metric`` or ``train/...``."""
        self._file.write(json.dumps({"step": step, **figures}) + "\n")
        self._file.flush()
        for name, value in figures.items():
            self._events.add_scalar(name, value, step)
        self._events.flush()

    def close(self) -> None:
        """Close both files."""
        self._file.close()
        self._events.close()


def _events(directory: Path, step: int) -> Any:
    # tensorboardX imports torch where there is one: seconds and 180 MiB, for tensors that nobody gives it.
    modules: dict[str, Any] = sys.modules
    if hidden := "torch" not in modules:
        modules["torch"] = None
    try:
        from tensorboardX import SummaryWriter
    finally:
        if hidden:
            del modules["torch"]
    return SummaryWriter(str(directory), purge_step=step + 1 if step else None)
