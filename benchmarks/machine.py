"""Where a measurement was made: processor, device, versions, day."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxseg.machine import processor

PACKAGES = ("jaxseg", "jax", "jaxlib", "flax", "optax", "numpy", "torch")


def about() -> dict[str, Any]:
    """Return processor, cores, versions and day."""
    return {
        "processor": processor(),
        "cores": cores(),
        "versions": {"python": platform.python_version()} | versions(),
        "date": datetime.date.today().isoformat(),
    }


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Fill in ``others_cores``, how many cores other processes kept busy on average; say so where that spoils a race.

    Two threads of PyTorch wait for each other at every layer: where a neighbour holds one of them up, it takes many
    times as long, and JAX, whose devices wait less often, does not.
    """
    found: dict[str, float] = {}
    began, busy = time.perf_counter(), _busy_elsewhere()
    yield found
    if busy is not None:
        found["others_cores"] = round((_busy_elsewhere() - busy) / (time.perf_counter() - began), 2)  # type: ignore[operator]
        if found["others_cores"] > 0.1 * cores():
            told = f"other processes kept {found['others_cores']} of {cores()} cores busy"
            print(f"note: {told}: the ratios mean little; run this on a quiet machine", file=sys.stderr)


def _busy_elsewhere() -> float | None:
    """Return the seconds of processor time that other processes have used, where the system tells."""
    table = Path("/proc/stat")
    if not table.exists():
        return None
    user, nice, system, _, _, irq, softirq, *_ = map(int, table.read_text().split("\n", 1)[0].split()[1:])
    own = os.times()
    mine = own.user + own.system + own.children_user + own.children_system  # children once they are waited for
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK") - mine


def versions() -> dict[str, str]:
    """Return the versions of the packages that matter and are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
