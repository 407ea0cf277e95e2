"""Run a study: train and score what is not done yet, several runs at a time, and write its page."""

from __future__ import annotations

import contextlib
import functools
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxseg import data, files
from jaxseg.config import Settings, plain, resolved, validate
from jaxseg.data.layout import SHIFTED
from jaxseg.ending import guarded
from jaxseg.interrupt import Stopped, StopRequest
from jaxseg.jobs import pool
from jaxseg.jobs.evaluate import evaluate
from jaxseg.jobs.train import train
from jaxseg.pages.study import write_page
from jaxseg.pages.study_runs import RECORD
from jaxseg.progress import clock
from jaxseg.runs.folder import FREE, LOCK, RunFolder, flat
from jaxseg.runs.lock import lock
from jaxseg.runs.log import read_metrics
from jaxseg.study import Trial, only, scored_on, shard, trials

RUNS, LOGS, DONE = "runs", "logs", "done"
_EVERY = 60.0  # seconds between two lines on what is at work
_OURS = ("only", "shard", "parallel", "submit", "submit_option")  # flags that choose among runs
# Settings that change neither a run nor its scores.
_WHERE = tuple(name for name in FREE if not name.startswith("eval."))


def reproduce(
    study: Settings, workdir: str | Path, *, names: Sequence[str] = (), part: str = "0/1", parallel: int = 0
) -> None:
    """Train and score the runs of a study, each in a process and a folder of its own, and write ``report.html``.

    A run is an ordinary run in ``runs/<model>/<seed>``, with ``fold<k>`` below it in cross-validation. What is trained
    and has scores and curves of every split is not done again, and a run that was stopped goes on. What a run prints is
    in ``logs/<model>/<seed>.txt``. A run that fails stops no other.

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
    found, splits = trials(study), scored_on(study)
    places = pool.places(parallel)
    _refuse_other_files(workdir)
    mine = shard(only(found, names) if names else found, part)
    asked = {trial.name: _asked(trial, workdir) for trial in mine}
    waiting = [trial for trial in mine if not _done(trial, asked[trial.name], workdir, splits)]
    _require_splits(waiting, splits)
    _record(study, found, workdir)
    grid = Grid(mine, waiting, workdir, len(places))
    print(f"{study.title}\n{len(mine)} runs, {len(mine) - len(waiting)} of them done{grid.time_left()}", flush=True)
    failed = _run(grid, asked, splits, places)
    try:
        if _tellable(found, splits, workdir):
            own = {trial.name for trial in mine}
            _tell(workdir, whole=_all_done([trial for trial in found if trial.name not in own], workdir, splits))
    finally:
        if failed:
            told = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
            said = f"{workdir / LOGS} holds what they printed"
            raise ValueError(f"{len(failed)} of {len(mine)} runs failed: {told}; {said}")


def leave_the_gpus() -> None:
    """Let this process compute on the CPU: it would take the memory of the GPUs that the runs, in theirs, need."""
    jax.config.update("jax_platforms", "cpu")


def _asked(trial: Trial, workdir: Path) -> dict[str, Any]:
    """Return the resolved settings of a trial; raise ValueError where its folder holds another run."""
    try:
        config = resolved(trial.config, validate(trial.config))
        RunFolder(workdir / RUNS / trial.name, config)
    except ValueError as error:
        raise ValueError(f"{trial.name}: {error}") from error
    return config


def _done(trial: Trial, asked: dict[str, Any], workdir: Path, splits: Sequence[str]) -> bool:
    """Return whether a trial was trained and scored, to its end, by the settings that are asked for."""
    record, folder = workdir / DONE / f"{trial.name}.json", workdir / RUNS / trial.name / "eval"
    left = [folder / name for split in splits for name in (f"{split}.csv", f"curves/{split}.json")]
    if not record.is_file() or not all(path.exists() for path in left):
        return False
    remedy = "delete it, and its run is looked at anew"
    known, scored = files.read_json(
        record, "launch/reproduce.py", remedy, lambda told: (flat(told["config"]), set(told["splits"]))
    )
    alike = [
        {name: value for name, value in one.items() if not name.startswith(_WHERE)} for one in (known, flat(asked))
    ]
    return alike[0] == alike[1] and set(splits) <= scored


def _require_splits(waiting: Sequence[Trial], splits: Sequence[str]) -> None:
    """Prepare the images of all runs, and raise ValueError unless every split that is to be scored is there."""
    seen: list[dict[str, Any]] = []
    for trial in waiting:
        settings = plain(trial.config.data)
        own = {name: value for name, value in settings.items() if name not in ("augment", "patch_size", "device_limit")}
        if own in seen:
            continue
        seen.append(own)
        found = data.load(settings)
        for split in splits:
            if getattr(found, split) is None:
                there = f"{settings['name']} has no {split} images here. {'; '.join(found.notes)}"
                raise ValueError(f"{trial.name}: {there}; change the settings of the data, or study.splits")
        if found.shifted_test is not None and not SHIFTED.keys() & set(splits) and trial.fold is None:
            print("note: there are images of another source; --study.splits=\"('test', 'shifted_test')\" scores them")


def _tellable(found: Sequence[Trial], splits: Sequence[str], workdir: Path) -> bool:
    """Return whether a model with a seed is scored on a split, all of its folds."""
    whole: dict[tuple[str, int, str], bool] = {}
    for trial, split in itertools.product(found, splits):
        scored = (workdir / RUNS / trial.name / "eval" / f"{split}.csv").exists()
        key = trial.model, trial.seed, split
        whole[key] = whole.get(key, True) and scored
    return any(whole.values())


def _all_done(others: Sequence[Trial], workdir: Path, splits: Sequence[str]) -> bool:
    """Return whether the runs of other shards are done; where a folder holds another run, its own shard says so."""
    try:
        return all(_done(trial, _asked(trial, workdir), workdir, splits) for trial in others)
    except ValueError:
        return False


def _tell(workdir: Path, *, whole: bool) -> None:
    """Write the page; while other shards have runs to do (not ``whole``), what stands in its way is a note."""
    try:
        print(f"the page: {write_page(workdir)}", flush=True)
    except ValueError as error:
        if whole:
            raise
        print(f"note: no page yet: {error}", flush=True)


def _refuse_other_files(workdir: Path) -> None:
    if workdir.is_file():
        raise ValueError(f"--workdir {workdir} is a file; name a folder")
    others = workdir.is_dir() and not all(map(files.partial, workdir.iterdir()))
    if others and not (workdir / RECORD).exists():  # asked last: another shard may have begun just now
        raise ValueError(f"--workdir {workdir} holds files but no study; choose an empty or new folder")


def _record(study: Settings, found: Sequence[Trial], workdir: Path) -> None:
    """Write ``study.json``: what the study is, and where its runs lie."""
    settings = plain(study)
    content: dict[str, Any] = {name: settings[name] for name in ("title", "published", "note", "folds")}
    content["data_dir"] = settings["config"]["data"]["dir"]
    content["splits"] = scored_on(study)
    content["models"] = [{"name": name, "settings": own} for name, own in settings["models"].items()]
    content["runs"] = [
        {"model": trial.model, "seed": trial.seed, "fold": trial.fold, "workdir": f"{RUNS}/{trial.name}"}
        for trial in found
    ]
    workdir.mkdir(parents=True, exist_ok=True)
    files.write_json(workdir / RECORD, content)


def _run(grid: Grid, asked: Mapping[str, Any], splits: tuple[str, ...], places: Sequence[pool.Place]) -> dict[str, str]:
    """Do the trials that wait; return the names of those that failed, each with its last words."""
    told = time.monotonic()
    with StopRequest() as request, pool.Pool(places) as workers:
        while workers.running or (grid.queue and request.signal is None):
            while grid.queue and workers.free and request.signal is None:
                trial = grid.queue.pop(0)
                log = grid.workdir / LOGS / f"{trial.name}.txt"
                arguments = (trial.config, asked[trial.name], str(grid.workdir), trial.name, splits)
                workers.start(trial.name, _work, arguments, log)
                print(f"{trial.name}: begins; it prints to {log}", flush=True)
            for ended in workers.ended(timeout=0.5):
                print(grid.ended(ended, stopping=request.signal is not None), flush=True)
            if request.signal is not None:
                workers.stop()
            elif time.monotonic() - told > _EVERY:
                told = time.monotonic()
                print(grid.at_work(workers.running), flush=True)
        if request.signal is not None:
            raise Stopped("stopped; run the same command to resume", request.signal)
    return grid.failed


def _work(config: Settings, asked: dict[str, Any], workdir: str, name: str, splits: Sequence[str]) -> None:
    """Train and score one run, and exit as a launcher does."""
    sys.argv = command_of(sys.argv, name)
    guarded(functools.partial(_train_and_score, config, asked, Path(workdir), name, splits))


def command_of(words: Sequence[str], name: str) -> list[str]:
    """Return the command line that does one run, where ``words`` are that which does several."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        flag, has_value, _ = word.partition("=")
        if flag.startswith("-") and flag.lstrip("-") in _OURS:
            if not has_value:
                next(rest, None)
            continue
        kept.append(word)
    return [*kept, f"--only={name}"]


def _train_and_score(config: Settings, asked: dict[str, Any], workdir: Path, name: str, splits: Sequence[str]) -> None:
    folder = workdir / RUNS / name
    if (folder / LOCK).exists():  # a killed start may still be saving
        with lock(folder / LOCK, lambda: print(f"waiting for another process that trains in {folder}", flush=True)):
            pass
    train(config, folder)
    for split in splits:
        evaluate(folder, split, curves=True)
    record = workdir / DONE / f"{name}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(record, {"config": asked, "splits": splits})


class Grid:
    """The runs that wait, those that failed, and how long runs of each model took.

    Args:
        mine: the runs of this call.
        waiting: those that are not done.
        workdir: of the study.
        places: how many run at a time.
    """

    def __init__(self, mine: Sequence[Trial], waiting: Sequence[Trial], workdir: Path, places: int):
        self.workdir = workdir
        self.queue = list(waiting)
        self.failed: dict[str, str] = {}
        self._places = places
        self._trials = {trial.name: trial for trial in waiting}
        self._left = set(self._trials)
        self._seconds: dict[str, list[float]] = {}
        for trial in mine:
            if trial.name not in self._left and (seconds := self._last(trial.name).get("seconds")):
                self._seconds.setdefault(trial.model, []).append(seconds)

    def ended(self, ended: pool.Ended, *, stopping: bool) -> str:
        """Count a run that has ended; return a line on it and on the time left."""
        if not ended.code or not stopping:
            self._left.discard(ended.name)
        if not ended.code:
            seconds = max(ended.seconds, self._last(ended.name).get("seconds", 0.0))  # it may have gone on
            self._seconds.setdefault(self._trials[ended.name].model, []).append(seconds)
        elif not stopping:
            self.failed[ended.name] = ended.words or f"exit code {ended.code}"
        what = "stopped" if ended.code and stopping else "failed" if ended.code else "done"
        why = f" ({self.failed[ended.name]})" if ended.name in self.failed else ""
        done = len(self._trials) - len(self._left) - len(self.failed)
        line = f"{ended.name}: {what}{why} after {clock(ended.seconds)}; {done}/{len(self._trials)} runs done"
        return line if stopping else f"{line}{self.time_left()}"

    def time_left(self) -> str:
        """Return ", about ... left", or "" where nothing is left or no run has told how long it takes."""
        known = [value for values in self._seconds.values() for value in values]
        if not self._left or not known:
            return ""
        left = 0.0
        for name in self._left:
            like = self._seconds.get(self._trials[name].model, known)  # a model without a finished run is as the others
            left += max(0.0, sum(like) / len(like) - self._last(name).get("seconds", 0.0))
        return f", about {clock(left / min(len(self._left), self._places))} left"

    def at_work(self, names: Sequence[str]) -> str:
        """Return a line on how far the runs at work are."""
        steps = {name: (self._last(name).get("step", 0), self._trials[name].config.train.steps) for name in names}
        told = ", ".join(f"{name} step {step}/{of}" for name, (step, of) in steps.items())
        return f"at work: {told}{self.time_left()}"

    def _last(self, name: str) -> dict[str, Any]:
        """Return the last row of a run's log; {} without one."""
        with contextlib.suppress(ValueError):  # its checkpoint is being written
            return (read_metrics(self.workdir / RUNS / name) or [{}])[-1]
        return {}
