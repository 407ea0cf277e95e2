"""The members of an ensemble: ``ensemble.json`` in a folder that is like a run's, but has no weights of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxseg import files
from jaxseg.runs.folder import ENSEMBLE, read
from jaxseg.runs.sealed import seal


class Member(NamedTuple):
    """One network of an ensemble.

    Attributes:
        run: the folder of its run, as seen from the ensemble's.
        seed: of that run.
        checkpoint: "best" or "latest".
        step: of the weights when the ensemble was made.
    """

    run: str
    seed: int
    checkpoint: str
    step: int

    def folder(self, ensemble: Path) -> Path:
        """Return the run's folder; ``ensemble`` is where the ensemble lies now."""
        return Path(os.path.normpath(ensemble / self.run))


def read_members(workdir: Path) -> tuple[Member, ...]:
    """Return the members of an ensemble; () for a run.

    Raises:
        ValueError: the file is damaged.
    """
    path = workdir / ENSEMBLE
    return read(path, _parse) if path.is_file() else ()


def _parse(content: dict[str, Any]) -> tuple[Member, ...]:
    return tuple(Member(**member) for member in content["members"])


def write_members(workdir: Path, members: Sequence[Member]) -> None:
    """Write the members into an ensemble's folder."""
    files.write_json(workdir / ENSEMBLE, seal({"members": [member._asdict() for member in members]}))
