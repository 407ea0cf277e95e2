"""Calls in processes of their own, several at a time, each on its share of the machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, NamedTuple

from jaxseg.counting.machine import SHARE, free
from jaxseg.interrupt import ask_to_stop, leave_at_once

_GPUS = Path("/proc/driver/nvidia/gpus")  # a folder for each that the driver sees
_VISIBLE = "CUDA_VISIBLE_DEVICES"


class Place(NamedTuple):
    """A share of the machine.

    Attributes:
        cores: numbers of the CPU's cores.
        environment: variables of the processes there.
    """

    cores: tuple[int, ...]
    environment: dict[str, str]


class _Running(NamedTuple):
    process: SpawnProcess
    place: Place
    log: Path
    began: float
    asks: Connection  # closed, it asks the process to stop


class Ended(NamedTuple):
    """A call that has ended.

    Attributes:
        name: of the call.
        code: the exit code of its process: 0 where all went well, negative for the signal that killed it.
        seconds: that it took.
        words: the last line in its log, or the signal that killed it.
    """

    name: str
    code: int
    seconds: float
    words: str


def places(count: int) -> list[Place]:
    """Return shares of this machine for ``count`` processes; for 0, one a GPU, else two on a CPU of two cores and more.

    GPUs are told by the driver or by ``CUDA_VISIBLE_DEVICES``: looking through JAX would take their memory.

    Raises:
        ValueError: there are fewer cores or GPUs.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    gpus = _gpus()
    count = count or len(gpus) or min(2, len(cores))
    most, what = (len(gpus), "GPUs") if gpus else (len(cores), "cores")
    if count > most:
        raise ValueError(f"--parallel is {count}, and there are {most} {what}; a run needs one at least")
    memory = free()
    shared = {} if memory is None else {SHARE: str(memory // count)}
    return [
        Place(
            tuple(cores[place::count] or cores),
            shared | ({_VISIBLE: ",".join(gpus[place::count])} if gpus else {}),
        )
        for place in range(count)
    ]


def _gpus() -> list[str]:
    if _VISIBLE in os.environ:
        return [name for name in os.environ[_VISIBLE].split(",") if name not in ("", "-1")]
    return [str(number) for number, _ in enumerate(_GPUS.glob("*"))]


class Pool:
    """A context in which calls run in processes, one in each place; those still running at its end are stopped.

    A process that is asked to stop acts as after one SIGTERM: training saves its state then. Ctrl-C reaches the parent
    alone. Where the parent is killed, they stop too.

    Args:
        shares: the places.
    """

    def __init__(self, shares: Sequence[Place]):
        self._free = list(shares)
        self._running: dict[str, _Running] = {}

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for running in self._running.values():
            running.process.join()

    @property
    def free(self) -> bool:
        """Whether another call can start."""
        return bool(self._free)

    @property
    def running(self) -> list[str]:
        """The names of the calls at work, those that began first first."""
        return list(self._running)

    def start(self, name: str, call: Callable[..., None], arguments: tuple[Any, ...], log: Path) -> None:
        """Start a call, whose output is added to the file ``log``. It and its arguments must be picklable."""
        place = self._free.pop(0)
        log.parent.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("spawn")  # a fork would inherit JAX's threads' locks
        told, asks = context.Pipe(duplex=False)
        process = context.Process(target=_call, args=(place, str(log), told, call, arguments), name=name)
        with _variables(place.environment):
            process.start()
        told.close()
        self._running[name] = _Running(process, place, log, time.monotonic(), asks)

    def ended(self, timeout: float) -> list[Ended]:
        """Return the calls that have ended since, waiting for one for at most ``timeout`` seconds."""
        wait([running.process.sentinel for running in self._running.values()], timeout)
        found = []
        for name, (process, place, log, began, asks) in list(self._running.items()):
            if process.exitcode is None:
                continue
            process.join()
            words = f"killed by signal {-code}" if (code := process.exitcode) < 0 else _last_line(log)
            found.append(Ended(name, code, time.monotonic() - began, words))
            asks.close()
            del self._running[name]
            self._free.append(place)
        return found

    def stop(self) -> None:
        """Ask all calls to stop; asked again they do no more."""
        for running in self._running.values():
            running.asks.close()


@contextlib.contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables, which a process that is started now inherits."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _call(place: Place, log: str, told: Connection, call: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Do a call in this process, which was made for it."""
    os.setpgid(0, 0)  # Ctrl-C is for the parent, which passes it on
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # so is submitit's word of a time limit, which Slurm sends to all
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, place.cores)
    with open(log, "ab", buffering=0) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    leave_at_once()
    threading.Thread(target=_follow, args=(told,), daemon=True).start()
    call(*arguments)


def _follow(told: Connection) -> None:
    """Stop this process when the other end is closed, by the parent or with it."""
    with contextlib.suppress(EOFError):
        told.recv()
    ask_to_stop()


def _last_line(log: Path) -> str:
    try:
        lines = log.read_bytes()[-4096:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
