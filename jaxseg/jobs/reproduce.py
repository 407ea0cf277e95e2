"""Run a study: train and score what is not done yet, several runs at a time, and write its page."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxseg import files
from jaxseg.config import Settings, plain, resolved, validate
from jaxseg.ending import guarded
from jaxseg.interrupt import Stopped, StopRequest
from jaxseg.jobs import pool
from jaxseg.jobs.evaluate import evaluate
from jaxseg.jobs.train import train
from jaxseg.pages.study import write_page
from jaxseg.progress import clock
from jaxseg.runs.folder import RunFolder, read_config
from jaxseg.study import Trial, only, scored_on, shard, trials

RUNS, LOGS, RECORD = "runs", "logs", "study.json"


def reproduce(
    study: Settings, workdir: str | Path, *, names: Sequence[str] = (), part: str = "0/1", parallel: int = 0
) -> None:
    """Train and score the runs of a study, each in a process and a folder of its own, and write ``report.html``.

    A run is an ordinary run in ``runs/<model>/<seed>``, with ``fold<k>`` below it in cross-validation. What is done is
    not done again, and a run that was stopped goes on. What a run prints is in ``logs/<model>/<seed>.txt``. A run that
    fails stops no other.

    Args:
        study: what ``jaxseg.study.study`` returns.
        workdir: the study's folder.
        names: run only these, as ``jaxseg.study.only`` takes them; all where there are none.
        part: run only this shard, as ``jaxseg.study.shard`` takes it.
        parallel: runs at a time, each with its share of the cores or GPUs; 0 is one a GPU, or two on a CPU of two cores
            and more.

    Raises:
        ValueError: a setting or the folder is not as it must be, or runs failed.
        Stopped: after SIGINT or SIGTERM, when the runs at work have saved their state.
    """
    workdir = Path(workdir)
    found = trials(study)
    places = pool.places(parallel)
    _refuse_other_files(workdir)
    mine = shard(only(found, names) if names else found, part)
    splits = scored_on(study)
    waiting = [trial for trial in mine if not _done(trial, workdir, splits)]  # every mistake is told before work
    _record(study, found, workdir)
    print(f"{study.title}\n{len(mine)} runs, {len(mine) - len(waiting)} of them done", flush=True)
    failed = _run(waiting, workdir, splits, places)
    if any((workdir / RUNS / trial.name / "eval" / f"{split}.json").exists() for trial in found for split in splits):
        print(f"the page: {write_page(workdir)}", flush=True)
    if failed:
        told = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise ValueError(f"{len(failed)} of {len(mine)} runs failed: {told}; {workdir / LOGS} holds what they printed")


def _done(trial: Trial, workdir: Path, splits: Sequence[str]) -> bool:
    """Return whether a trial is trained and scored; raise ValueError where its folder holds another run."""
    try:
        config = resolved(trial.config, validate(trial.config))
        folder = workdir / RUNS / trial.name
        RunFolder(folder, config)
    except ValueError as error:
        raise ValueError(f"{trial.name}: {error}") from error
    scored = all((folder / "eval" / f"{split}.json").exists() for split in splits)
    return scored and read_config(folder)["train"]["steps"] == config["train"]["steps"]


def _refuse_other_files(workdir: Path) -> None:
    if workdir.is_file():
        raise ValueError(f"--workdir {workdir} is a file; name a folder")
    if not (workdir / RECORD).exists() and workdir.is_dir() and not all(map(files.partial, workdir.iterdir())):
        raise ValueError(f"--workdir {workdir} holds files but no study; choose an empty or new folder")


def _record(study: Settings, found: Sequence[Trial], workdir: Path) -> None:
    """Write ``study.json``: what the study is, and where its runs lie."""
    settings = plain(study)
    content: dict[str, Any] = {name: settings[name] for name in ("title", "published", "folds")}
    content["splits"] = scored_on(study)
    content["models"] = [{"name": name, "settings": own} for name, own in settings["models"].items()]
    content["runs"] = [
        {"model": trial.model, "seed": trial.seed, "fold": trial.fold, "workdir": f"{RUNS}/{trial.name}"}
        for trial in found
    ]
    workdir.mkdir(parents=True, exist_ok=True)
    files.write_json(workdir / RECORD, content)


def _run(
    waiting: Sequence[Trial], workdir: Path, splits: tuple[str, ...], places: Sequence[pool.Place]
) -> dict[str, str]:
    """Do the trials; return the names of those that failed, each with its last words."""
    grid = _Grid(waiting)
    with StopRequest() as request, pool.Pool(places) as workers:
        while workers.running or (grid.queue and request.signal is None):
            while grid.queue and workers.free and request.signal is None:
                trial = grid.queue.pop(0)
                log = workdir / LOGS / f"{trial.name}.txt"
                workers.start(trial.name, _work, (trial.config, str(workdir / RUNS / trial.name), splits), log)
                print(f"{trial.name}: begins; it prints to {log}", flush=True)
            for ended in workers.ended(timeout=0.5):
                print(grid.told(ended, len(workers.running)), flush=True)
            if request.signal is not None:
                workers.stop()
        if request.signal is not None:
            raise Stopped("stopped; the same command goes on", request.signal)
    return grid.failed


def _work(config: Settings, folder: str, splits: Sequence[str]) -> None:
    """Train and score one run, and exit as a launcher does."""
    guarded(functools.partial(_train_and_score, config, folder, splits))


def _train_and_score(config: Settings, folder: str, splits: Sequence[str]) -> None:
    train(config, folder)
    for split in splits:
        evaluate(folder, split, curves=True)


class _Grid:
    """The runs that wait, those that failed, and how long runs of each model took."""

    def __init__(self, waiting: Sequence[Trial]):
        self.queue = list(waiting)
        self.failed: dict[str, str] = {}
        self._models = {trial.name: trial.model for trial in waiting}
        self._seconds: dict[str, list[float]] = {}
        self._left = set(self._models)

    def told(self, ended: pool.Ended, running: int) -> str:
        """Count a run that has ended, beside others that are running; return a line on it and on the time left."""
        self._left.discard(ended.name)
        if ended.code:
            self.failed[ended.name] = ended.words or f"exit code {ended.code}"
        else:
            self._seconds.setdefault(self._models[ended.name], []).append(ended.seconds)
        what = f"failed ({self.failed[ended.name]})" if ended.code else "done"
        total = len(self._models)
        line = f"{ended.name}: {what} after {clock(ended.seconds)}; {total - len(self._left)}/{total} runs"
        known = [value for values in self._seconds.values() for value in values]
        if not self._left or not known:
            return line
        # A model without a finished run counts as the mean of those that have one.
        expected = [self._seconds.get(self._models[name], known) for name in self._left]
        left = sum(sum(values) / len(values) for values in expected) / max(1, min(len(self._left), running + 1))
        return f"{line}, about {clock(left)} left"
