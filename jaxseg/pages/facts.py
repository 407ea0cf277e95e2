"""What a page says of how its runs were made: data, network, training, devices, time, commit."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxseg import models
from jaxseg.progress import clock
from jaxseg.runs.folder import read, read_config, read_starts
from jaxseg.runs.log import read_metrics
from jaxseg.runs.members import Member, read_members


class Made(NamedTuple):
    """How a run was made.

    Attributes:
        config: its settings.
        splits: what ``data.json`` says of each split; None for one that is not there.
        starts: software, devices and command of each start; [] where ``environment.json`` is gone.
        log: the rows of ``metrics.jsonl``.
        members: the networks of an ensemble; () for a run.
    """

    config: dict[str, Any]
    splits: dict[str, Any]
    starts: list[dict[str, Any]]
    log: list[dict[str, Any]]
    members: tuple[Member, ...]

    @classmethod
    def read(cls, workdir: Path) -> Made:
        """Read it from a run's folder; errors as ``runs.folder.read``."""
        splits = read(workdir / "data.json", operator.itemgetter("splits"))
        return cls(read_config(workdir), splits, read_starts(workdir), read_metrics(workdir), read_members(workdir))

    @property
    def seeds(self) -> list[int]:
        """The seeds of its networks."""
        return [member.seed for member in self.members] or [self.config["seed"]]

    @property
    def seconds(self) -> float | None:
        """How long it took, over all starts; None where the log does not tell."""
        return self.log[-1].get("seconds") if self.log else None


def facts(runs: Sequence[Made]) -> Iterator[tuple[str, str]]:
    """Yield names and words; what differs between the runs is told with semicolons between."""
    yield "Data", _shared(map(_data, runs))
    yield "Network", _shared(models.describe(run.config["model"]) for run in runs)
    training = [run.config["train"] for run in runs]
    yield "Training", _shared(f"{one['steps']:,} steps of {one['batch_size']} images" for one in training)
    seeds = sorted({seed for run in runs for seed in run.seeds})
    yield "Seeds" if len(seeds) > 1 else "Seed", ", ".join(map(str, seeds))
    if members := [member for run in runs for member in run.members]:
        told = ", ".join(f"{member.run} (seed {member.seed}, {member.checkpoint})" for member in members)
        yield "Networks", f"the mean of {len(members)}: {told}"
    if seconds := [run.seconds for run in runs if run.seconds is not None]:
        each = f" in all, {clock(min(seconds))} to {clock(max(seconds))} a run" if len(runs) > 1 else ""
        again = f", over {len(runs[0].starts)} starts" if len(runs) == 1 and len(runs[0].starts) > 1 else ""
        yield "Time", f"{clock(sum(seconds))}{each}{again}, with scoring and compiling"
    starts = [start for run in runs for start in run.starts]
    if not starts:
        return
    yield "Devices", _shared(map(_devices, starts))
    if dates := sorted(start["time"][:10] for start in starts if "time" in start):
        yield "Date", dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    yield "Commit", _shared(str(start.get("git") or "not known") for start in starts)
    versions = [start.get("packages", {}) for start in starts]
    yield (
        "Software",
        _shared(", ".join(f"{name} {of.get(name)}" for name in ("jaxseg", "jax", "flax")) for of in versions),
    )


def _devices(start: dict[str, Any]) -> str:
    told = f"{len(start['devices'])} x {start['devices'][0]}"
    return f"{told}, {start['processor']}" if start.get("processor") else told


def _data(run: Made) -> str:
    images = ", ".join(f"{split['num_images']} {name}" for name, split in run.splits.items() if split)
    settings = run.config["data"]
    size = settings.get("image_size")
    told = f"{settings['name']}: {images}" + (f"; images of {size[0]} x {size[1]}" if size else "")
    inputs = settings["inputs"]
    return told if inputs == ["rgb"] else f"{told}; inputs {', '.join(inputs)}"


def _shared(values: Iterator[str]) -> str:
    return "; ".join(dict.fromkeys(values)) or "not known"
