"""How much memory a device has for what is about to run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path("/")
SHARE = "JAXSEG_MEMORY"  # a variable of the environment: the bytes of a process that has others beside it


def room(device: Any) -> int | None:
    """Return how many bytes a device has, and of the CPU how many are free; None where nothing tells.

    The devices of a CPU share its memory. What is free there is the least that the machine, its control groups
    (containers, batch systems), ``ulimit -v`` and the run's ``SHARE`` leave.

    Args:
        device: a ``jax.Device``.
    """
    if device.platform != "cpu":  # an allocator may tell nothing
        return (device.memory_stats() or {}).get("bytes_limit")
    return free()


def free() -> int | None:
    """Return how many bytes of the CPU's memory are free; None where nothing tells."""
    return min((*_of_the_machine(), *_of_control_groups(), *_of_the_process(), *_of_the_share()), default=None)


def _of_the_machine() -> Iterator[int]:
    with contextlib.suppress(OSError, KeyError):
        yield 1024 * int(_table(ROOT / "proc/meminfo")["MemAvailable:"])


def _of_control_groups() -> Iterator[int]:
    """Yield what each control group around this process leaves, of version 2 and of version 1."""
    with contextlib.suppress(OSError):
        for line in (ROOT / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "memory"):
                top = ROOT / "sys/fs/cgroup" / controllers
                for group in (top / path.lstrip("/") / "file").parents:
                    if group.is_relative_to(top):
                        yield from _of_a_control_group(group)


def _of_a_control_group(group: Path) -> Iterator[int]:
    names = ("memory.max", "memory.current", "inactive_file"), (
        "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
    )  # fmt: skip
    for most, used, cached in names:
        with contextlib.suppress(OSError, ValueError):  # ValueError: the limit is "max", none
            limit, taken = (int((group / name).read_text()) for name in (most, used))
            # Of what counts as used, files that were read long ago make room at once.
            yield max(limit - taken + int(_table(group / "memory.stat").get(cached, 0)), 0)


def _of_the_process() -> Iterator[int]:
    with contextlib.suppress(ImportError, OSError):
        import resource  # there is none on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            pages = int((ROOT / "proc/self/statm").read_text().split()[0])
            yield max(limit - pages * resource.getpagesize(), 0)


def _of_the_share() -> Iterator[int]:
    with contextlib.suppress(KeyError, OSError, ValueError):
        resident = int((ROOT / "proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        yield max(int(os.environ[SHARE]) - resident, 0)


def _table(path: Path) -> dict[str, str]:
    return dict(line.split()[:2] for line in path.read_text().splitlines())
