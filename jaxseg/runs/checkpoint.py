"""Checkpoints of a run: the latest step and the best one on val, written by Orbax while training goes on.

A checkpoint has three items. ``variables`` is what prediction needs (``params``, ``batch_stats`` and, where one is
kept, the moving average ``ema``); ``training`` is what an exact resume needs besides; ``record`` holds the score, the
state of the log, and a digest of each of the others. Arrays are saved from host memory, so a run of eight GPUs is read
on a laptop without any of them.

What is read is compared with its digest, so that a damaged file never becomes other weights: this takes a second per
gigabyte. A damaged checkpoint is skipped, and the next one taken, with a word about it.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxseg import checks, files
from jaxseg.runs.sealed import seal, unseal

Tree = Any  # a pytree of arrays
T = TypeVar("T")

_RESERVED = ".reserved"  # a file as large as the checkpoint that is about to be written


class Damaged(ValueError):
    """A checkpoint is not what training wrote; the message names its folder and what is wrong with it."""


class Record(NamedTuple):
    """The item ``record``; of a run by a version that wrote none, without digests.

    Attributes:
        score: on val, higher is better; None where val was not scored at this step.
        log: what the log needs to go on exactly.
        digests: of the other items, by name.
    """

    score: float | None
    log: dict[str, Any]
    digests: dict[str, str]


class Checkpoints:
    """The folder ``checkpoints/`` of a run: ``<step>/`` for the latest step and for the best one.

    Args:
        directory: the folder; made if it is not there.
        read_only: open for reading: nothing is created, renamed or removed.
    """

    def __init__(self, directory: str | Path, *, read_only: bool = False):
        self._path = Path(directory).absolute()
        self._writer: ocp.AsyncCheckpointer | None = None
        if not read_only:
            self._path.mkdir(parents=True, exist_ok=True)
            self._writer = ocp.AsyncCheckpointer(ocp.CompositeCheckpointHandler())
            (self._path / _RESERVED).unlink(missing_ok=True)
            for unfinished in self._path.glob("*.orbax-checkpoint-tmp*"):  # a kill left them
                shutil.rmtree(unfinished, ignore_errors=True)

    def save(
        self,
        step: int,
        variables: Tree,
        training: Tree,
        *,
        score: float | None,
        log: dict[str, Any] | None = None,
    ) -> None:
        """Save in the background, and remove what is no longer the latest or the best once that is done.

        Args:
            step: the steps done.
            variables: the item of that name.
            training: likewise.
            score: higher is better; None where val was not scored at this step.
            log: the state of the log, plain JSON; given back by ``resume``.

        Raises:
            OSError: there is no room for it, or the one before could not be written.
        """
        assert self._writer is not None, "opened for reading only"
        self._tidy()
        variables, training = jax.device_get((variables, training))
        self._reserve(sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves((variables, training))))
        digests = {"variables": _digest(variables), "training": _digest(training)}
        record = seal({"step": step, "score": score, "log": log or {}, "digests": digests})
        self._writer.save(
            self._path / str(step),
            args=ocp.args.Composite(
                variables=ocp.args.StandardSave(variables),
                training=ocp.args.StandardSave(training),
                record=ocp.args.JsonSave(record),
            ),
        )

    def rate(self, step: int, score: float | None, log: dict[str, Any]) -> None:
        """Give a checkpoint that was saved before val was scored its score, and the log's state after that.

        Raises:
            Damaged: its record is not what was saved.
            OSError: it cannot be written.
        """
        digests = self._record(step).digests
        record = seal({"step": step, "score": score, "log": log, "digests": digests})
        files.write_json(self._path / str(step) / "record" / "metadata", record)

    def latest(self) -> int | None:
        """Return the newest step, or None before the first."""
        self._wait()
        return next(iter(self._steps()), None)

    def best(self) -> int | None:
        """Return the step with the highest score; the newest where no step has one (a run without val)."""
        self._wait()
        return next(iter(_by_score(self._records()[0])), None)

    def resume(self, variables: Tree, training: Tree) -> tuple[int, Tree, Tree, dict[str, Any]]:
        """Return step, both items and the log of the newest sound checkpoint.

        Newer ones, which are damaged, are renamed to ``<step>.damaged``: the run will come to their steps again.

        Args:
            variables: arrays or their shapes, in the structure and dtypes of the item.
            training: likewise.

        Raises:
            FileNotFoundError: there is no checkpoint yet.
            Damaged: no checkpoint is sound.
        """

        def read(step: int) -> tuple[Tree, Tree, dict[str, Any]]:
            record = self._record(step)
            return (
                self._item(step, "variables", record, variables),
                self._item(step, "training", record, training),
                record.log,
            )

        step, found = self._first_sound(self._steps(), read)
        for newer in self._steps():
            if newer > step:
                (self._path / str(newer)).rename(_free(self._path / f"{newer}.damaged"))
        return step, *found

    def log(self) -> dict[str, Any]:
        """Return the state of the log at the newest checkpoint whose record is sound; {} where none is."""
        records, _ = self._records()
        return records[max(records)].log if records else {}

    def variables(self, step: int) -> Tree:
        """Return the item ``variables`` of a step as it was saved, in host memory.

        Raises:
            Damaged: it is not what was saved.
        """
        self._wait()  # The step may be the one that is being written.
        return self._item(step, "variables", self._record(step))

    def load(self, which: str) -> tuple[int, Tree]:
        """Return ``(step, {"params", "batch_stats"})`` for prediction; ``params`` is the moving average where one is.

        Args:
            which: "best" on val, or "latest". Of damaged checkpoints the next best, or the next newest.

        Raises:
            FileNotFoundError: there is no checkpoint yet.
            Damaged: no checkpoint is sound.
        """
        self._wait()
        if which == "best":
            records, causes = self._records()
            step, variables = self._first_sound(_by_score(records), self.variables, causes)
        else:
            step, variables = self._first_sound(self._steps(), self.variables)
        params = variables["params"] if variables.get("ema") is None else variables["ema"]
        return step, {"params": params, "batch_stats": variables["batch_stats"]}

    def close(self) -> None:
        """Wait, then let go of the folder."""
        if self._writer is not None:
            self._tidy()
            self._writer.close()

    def _reserve(self, size: int) -> None:
        """Raise OSError unless so many bytes can be written: Orbax tells it after a while, and in a thousand lines."""
        reserved = self._path / _RESERVED
        try:
            with files.named(self._path), reserved.open("wb") as file:
                if hasattr(os, "posix_fallocate"):  # there is none on macOS
                    os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that reserves nothing
                raise
        finally:
            reserved.unlink(missing_ok=True)

    def _wait(self) -> None:
        if self._writer is None:
            return
        try:
            self._writer.wait_until_finished()
        except Exception as error:  # of whatever kind the many files of a checkpoint may cause
            raise OSError(f"{self._path}: a checkpoint cannot be written ({_first_line(error)})") from error

    def _tidy(self) -> None:
        """Wait, and remove the checkpoints that are neither the latest nor the best; damaged ones stay."""
        latest, (records, _) = self.latest(), self._records()
        for step in _by_score(records)[1:]:
            if step != latest:
                shutil.rmtree(self._path / str(step), ignore_errors=True)

    def _steps(self) -> list[int]:
        """Return the steps of all checkpoints, damaged ones too, the newest first."""
        steps = [int(child.name) for child in self._path.glob("*") if child.name.isdigit() and child.is_dir()]
        return sorted(steps, reverse=True)

    def _records(self) -> tuple[dict[int, Record], list[str]]:
        """Return the records that are sound, by step, and what is wrong with the others."""
        records, causes = {}, []
        for step in self._steps():
            try:
                records[step] = self._record(step)
            except Damaged as damage:
                causes.append(str(damage))
        return records, causes

    def _first_sound(self, steps: Iterable[int], read: Callable[[int], T], causes: Sequence[str] = ()) -> tuple[int, T]:
        """Return the first step that can be read, and what was read; say which were skipped, and why.

        Args:
            steps: the steps, in the order of their worth.
            read: reads one, or raises ``Damaged``.
            causes: why others are not among the steps.

        Raises:
            FileNotFoundError: there is no checkpoint.
            Damaged: none is sound.
        """
        causes = [*causes]
        for step in steps:
            try:
                found = read(step)
            except Damaged as damage:
                causes.append(str(damage))
                continue
            for cause in causes:
                print(f"note: {cause}; taking step {step}", flush=True)
            return step, found
        if causes:
            raise Damaged(f"{'; '.join(causes)}: no checkpoint is sound; restore it from a copy, or train again")
        raise FileNotFoundError(
            f"{self._path} holds no finished checkpoint yet; let the run reach its first evaluation"
        )

    def _record(self, step: int) -> Record:
        folder = self._path / str(step)
        try:
            items = _json(folder / "_CHECKPOINT_METADATA")["item_handlers"]
            if "record" not in items:  # by jaxseg 0.1
                return Record(_json(folder / "metrics" / "metrics")["score"] if "metrics" in items else None, {}, {})
            record = unseal(_json(folder / "record" / "metadata"))
            if record["step"] != step:
                raise ValueError(f"it is of step {record['step']}")
            return Record(record["score"], record["log"], record["digests"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(folder, error) from error

    def _item(self, step: int, name: str, record: Record, like: Tree | None = None) -> Tree:
        """Return an item of a step, in the structure and dtypes of ``like``, compared with its digest."""
        folder = self._path / str(step)
        try:
            with ocp.StandardCheckpointer() as reader:
                tree = reader.restore(folder / name, None if like is None else jax.device_get(like))
            if name in record.digests and _digest(tree) != record.digests[name]:
                raise ValueError(f"{name} differs from its digest")
        except MemoryError:
            raise
        except Exception as error:  # of whatever kind the many files of an array may cause
            raise _damaged(folder, error) from error
        return tree


def _by_score(records: dict[int, Record]) -> list[int]:
    """Return the steps from the highest score to the lowest, then those without a score, the newest of equals first."""

    def rank(step: int) -> tuple[float, int]:
        score = records[step].score
        return (-math.inf if score is None else score), step

    return sorted(records, key=rank, reverse=True)


def _free(path: Path) -> Path:
    """Return the path, or the next one that nothing has yet."""
    names = itertools.chain([path], (path.with_name(f"{path.name}.{count}") for count in itertools.count(2)))
    return next(name for name in names if not name.exists())


def _damaged(folder: Path, error: Exception) -> Damaged:
    return Damaged(f"the checkpoint {folder} is damaged ({_first_line(error)})")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def _digest(tree: Tree) -> str:
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {np.shape(leaf)} ".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def load_variables(workdir: str | Path, which: str = "best") -> tuple[int, Tree]:
    """Return ``(step, {"params", "batch_stats"})`` of a run; ``params`` is the moving average where one was kept.

    Args:
        workdir: the run's folder.
        which: "best" on val, or "latest"; of damaged checkpoints the next best, or the next newest.

    Raises:
        ValueError: another ``which``; or no checkpoint is sound.
        FileNotFoundError: there is no such run, or it has no checkpoint yet.
    """
    checks.one_of("checkpoint", which, ("best", "latest"))
    directory = Path(workdir) / "checkpoints"
    if not directory.is_dir():
        raise FileNotFoundError(f"{workdir} holds no run (no checkpoints/); give the --workdir of a training run")
    return Checkpoints(directory, read_only=True).load(which)
