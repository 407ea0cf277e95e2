"""The folder of a run: what was asked, on what, and what came of it.

``config.json`` (resolved), ``environment.json`` (one entry per start), ``data.json``, ``preprocess.json``,
``metrics.jsonl`` and TensorBoard events, ``checkpoints/``, ``eval/``, ``figures/``, ``report.html``, ``report.md``,
``tables/``. The first four carry a digest of themselves.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jaxseg import files
from jaxseg.machine import processor
from jaxseg.runs.lock import lock
from jaxseg.runs.log import NAME, read_metrics
from jaxseg.runs.sealed import seal, unseal

Json = dict[str, Any]
T = TypeVar("T")

# What a resumed run may change: where things are and how they are watched, never what is computed. A name covers all
# settings that begin with it.
FREE = (
    "data.dir",
    "data.cache_dir",
    "data.device_limit",
    "model.remat",
    "train.devices",
    "train.log_every",
    "train.steps_at_once",
    "eval.scored_at",
    "eval.metrics",
    "eval.threshold_rule",
    "eval.temperature",
)

# Settings that came later, and what earlier runs did without them.
_LATER: Json = {
    "model": {"options": {}, "remat": False},
    "data": {
        "classes": {},
        "background": [0],
        "ignore": [],
        "window": [],
        "mask_name": "",
        "group_pattern": "",
        "shift": "",
        "inputs": ["rgb"],
        "angle": "min_entropy",
        "folds": 0,
        "fold": 0,
        "augment": {"colour": 0.0, "blur": 0.0},
    },
    "eval": {
        "select": "dice",
        "thresholds": [],
        "reconnect": {"reach": 0.0, "window": 21, "stop": 0.1},
        "metrics": [],
        "threshold_rule": "fixed",
        "temperature": "none",
    },
    "train": {"steps_at_once": 0},
    "loss": {"name": "cross_entropy", "options": {}, "region": "full"},
}

LOCK = ".lock"  # held by the process that trains there
ENSEMBLE = "ensemble.json"  # in a folder that is no run's; see runs/members.py

# What may differ in data.json between two starts: where the images lie, and words about what the ids say exactly.
_MOVES = ("dir", "notes", "rule")
_PACKAGES = ("jaxseg", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "opencv-python-headless")


def read(path: Path, parse: Callable[[Json], T]) -> T:
    """Return ``parse`` of the JSON object in a file that training wrote into a run's folder.

    Raises:
        FileNotFoundError: there is no such file, so the folder holds no run.
        ValueError: the file is damaged.
    """
    return _read(path, lambda content: parse(unseal(content)))


def read_starts(workdir: Path) -> list[Json]:
    """Return what ``environment.json`` says of each start of a run; nothing where it is gone, for nothing needs it.

    Raises:
        ValueError: the file is damaged.
    """
    path = workdir / "environment.json"
    return _read(path, _parse_starts) if path.exists() else []


def _read(path: Path, parse: Callable[[Any], T]) -> T:
    if not path.is_file() and (path.parent / "config.json").is_file():
        raise FileNotFoundError(f"{path}: gone, and the run needs it; restore it")
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} holds no trained run (no {path.name}); give the --workdir of a run")
    return files.read_json(path, "training", "restore it", parse)


def read_config(workdir: Path) -> Json:
    """Return the settings of a run, ``config.json``; those that a run of an earlier version lacks are filled in.

    Raises:
        FileNotFoundError: there is no such folder, or it holds no run.
        ValueError: the file is damaged.
    """
    if not workdir.is_dir():
        raise FileNotFoundError(f"{workdir}: no such folder; give the --workdir of a training run")
    return read(workdir / "config.json", _parse_config)


def _parse_config(config: Json) -> Json:
    if absent := [name for name in ("model", "data", "eval") if not isinstance(config.get(name), dict)]:
        raise ValueError(f"no section {absent[0]!r}")
    return _filled(_LATER, config)


def _filled(later: Json, known: Json) -> Json:
    """Return ``known`` with what it lacks of ``later``, in sections within sections too."""
    sections = [name for name, value in later.items() if isinstance(value, dict) and isinstance(known.get(name), dict)]
    return later | known | {name: _filled(later[name], known[name]) for name in sections}


class RunFolder:
    """The folder of a run with this config: a new one, or one whose run is to go on. Nothing is written yet.

    A run that never reached a checkpoint has nothing to go on from: its folder counts as new.

    Args:
        workdir: the folder.
        config: the resolved config as plain JSON.

    Raises:
        ValueError: the folder holds a run of another config, or files that are no run.
    """

    def __init__(self, workdir: str | Path, config: Json):
        self.path = Path(workdir)
        self._config = config
        self._held = contextlib.ExitStack()
        if self.path.is_file():
            raise ValueError(f"--workdir {workdir} is a file; name a folder")
        if (self.path / ENSEMBLE).exists():
            raise ValueError(f"--workdir {workdir} holds an ensemble of trained runs; choose an empty or new folder")
        known = read_config(self.path) if (self.path / "config.json").exists() else None
        if known is None and self.path.is_dir() and not all(map(files.partial, self.path.iterdir())):
            raise ValueError(f"--workdir {workdir} holds files but no run; choose an empty or new folder")
        if known is not None and self._has_checkpoint():
            self._refuse_another(known, config)
        elif known is not None:
            self._refuse_a_second_beginning(known["train"].get("eval_every", 0))

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def begin(self, devices: list[Any], description: Json, preprocess: Json) -> None:
        """Write down what is about to run: ``config.json``, ``environment.json``, ``data.json``, ``preprocess.json``.

        Args:
            devices: what the run computes on; added to ``environment.json`` with the versions of this start.
            description: of the data.
            preprocess: of the images.

        Raises:
            ValueError: the run began with other images, masks or splits.
        """
        begun = self._has_checkpoint()
        now = json.loads(json.dumps(description))
        groups = {"groups": now.get("groups")}  # which earlier runs do not tell
        known = groups | read(self.path / "data.json", dict) if begun else now
        starts = read_starts(self.path) if begun else []
        if begun and not starts:
            print(f"note: {self.path / 'environment.json'} is gone; it begins again with this start", flush=True)
        changed = [key for key in now if key not in _MOVES and known.get(key) != now[key]]
        if changed:
            raise ValueError(
                f"the data changed since {self.path} began ({', '.join(changed)} in data.json differ); "
                "restore the files, or start anew in another --workdir"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self._held.enter_context(lock(self.path / LOCK, self._refuse))
        files.write_json(self.path / "config.json", seal(self._config))
        starts.append(_environment(devices))
        if len({len(start["devices"]) for start in starts}) > 1:
            print(
                "note: the run began on another number of devices; it goes on, and its numbers may differ in the last "
                "digits from those of an undisturbed run",
                flush=True,
            )
        files.write_json(self.path / "environment.json", list(map(seal, starts)))
        files.write_json(self.path / "data.json", seal(now))
        files.write_json(self.path / "preprocess.json", seal(preprocess))

    def _refuse(self) -> None:
        raise ValueError(f"another process trains in {self.path}; wait for it, or give another --workdir")

    def _has_checkpoint(self) -> bool:
        return any(child.name.isdigit() for child in (self.path / "checkpoints").glob("*"))

    def _refuse_a_second_beginning(self, eval_every: int) -> None:
        """Refuse a folder whose run had reached a checkpoint that is gone: starting anew would lose its log."""
        rows, checkpoints = read_metrics(self.path), self.path / "checkpoints"
        if not rows:
            return
        last = rows[-1]["step"]
        unfinished = any(checkpoints.glob("*.orbax-checkpoint-tmp*"))  # a kill came before the first was whole
        reached = (last > eval_every and not unfinished) or (self.path / "report.md").exists()
        if reached or not checkpoints.is_dir():
            raise ValueError(
                f"{self.path / NAME} tells of {last} steps, and there is no checkpoint to go on from; restore "
                f"{checkpoints}, or give another --workdir"
            )

    def _refuse_another(self, known: Json, config: Json) -> None:
        # The order of the classes says which index is which, and a comparison of dictionaries would not see it.
        before, now = ({**flat(one), "data.classes": list(one["data"]["classes"])} for one in (known, config))
        free: list[str] = list(FREE)
        if now.get("optimizer.schedule") == "constant":
            free.append("train.steps")  # a constant rate does not depend on the length: the run may go on for longer
        changed = [
            f"{key}: {before.get(key, 'absent')} -> {now.get(key, 'absent')}"
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key) and not key.startswith(tuple(free))
        ]
        if changed:
            raise ValueError(
                f"--workdir {self.path} holds a run of another config ({'; '.join(changed)}); "
                "give another --workdir, or the config it began with"
            )


def _parse_starts(content: Any) -> list[Json]:
    starts = [unseal(start) for start in content]
    if not all(isinstance(start["devices"], list) for start in starts):
        raise ValueError("a start without its devices")
    return starts


def flat(tree: Json, prefix: str = "") -> Json:
    """Return the leaves of nested settings by their whole names, as in ``data.dir``."""
    leaves = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key: value}
    return leaves


def _environment(devices: list[Any]) -> Json:
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git": _git_commit(),
        "devices": [f"{device.platform}:{device.device_kind}" for device in devices],
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # a bare checkout, or another build of OpenCV
        return None


def _git_commit() -> str | None:
    """Return the commit of the checkout this package runs from, marked where files differ from it."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # installed: the repository around it, if any, is somebody else's
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=root, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()
