"""Whole processes, measured from outside: seconds, processor seconds, largest memory, and when each line was printed.

This module stays small, and so does whatever imports it: a process counts the memory of the one that started it as its
own until it runs its own program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

TORCH = Path(__file__).with_name("first_steps.py")
ABSENT = "raise ImportError('left out, as where it is not installed')\n"
SETTINGS = """
import json, sys
from jaxseg.config import defaults
from jaxseg.models.denseunet import SIZES
print(json.dumps(dict(widths=SIZES[sys.argv[1]], adam=defaults().optimizer.to_dict())))
"""


class Ran(NamedTuple):
    """A process that is done."""

    seconds: float
    cpu_seconds: float  # of all its threads
    peak: int  # bytes resident at most
    lines: list[tuple[float, str]]  # when each line of its output came, in seconds since it started


def run(command: list[str], environment: Mapping[str, str]) -> Ran:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; what it wrote to stderr says why.
    """
    began, lines = time.perf_counter(), []
    with subprocess.Popen(command, env=dict(environment), stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            lines.append((round(time.perf_counter() - began, 2), line.rstrip()))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[1:4])} ... failed (exit {process.returncode})")
    unit = 1 if sys.platform == "darwin" else 1024
    return Ran(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, lines)


def with_cache(folder: str) -> dict[str, str]:
    """Return the environment with ``folder`` for compiled programs, whatever the user's own says."""
    rest = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    return rest | {"XDG_CACHE_HOME": folder}


def first_steps(side: str, given: Mapping[str, Any], cache: str | None = None) -> tuple[Ran, dict[str, Any]]:
    """Run ``first_steps.py`` for ``side``, "jaxseg" or "torch"; return the process and what it told.

    Args:
        side: which.
        given: its arguments.
        cache: the folder where jaxseg keeps compiled programs; None: the user's own.
    """
    environment = os.environ if cache is None else with_cache(cache)
    ran = run([sys.executable, str(TORCH), side, json.dumps(given)], environment)
    return ran, json.loads(ran.lines[-1][1])


def settings(size: str) -> dict[str, Any]:
    """Return the network's ``widths`` and the optimiser's settings ``adam``, from a process that may import jaxseg."""
    asked = subprocess.run([sys.executable, "-c", SETTINGS, size], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(asked.stdout)


def without_torch(folder: str) -> str:
    """Make a folder that, first on PYTHONPATH, hides PyTorch; TensorBoard's writer would load it where it is there."""
    (Path(folder) / "torch.py").write_text(ABSENT)
    return folder
