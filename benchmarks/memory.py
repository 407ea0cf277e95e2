"""Peak memory of a whole training process: jaxseg's with nothing compiled before, with all compiled, and PyTorch's.

Each contender is a fresh process that takes a few steps, imports nothing of the other, and is asked for its largest
resident set at its end. On a GPU, the device's own peak is told as well.
"""

from __future__ import annotations

import tempfile
from typing import Any

import bench_cases
import machine
import processes

MIB = 2**20


def measure(case: str, *, dtype: str = "float32", batch: int = 4, device: str = "auto") -> dict[str, Any]:
    """Return MiB of each process, and jaxseg's over PyTorch's as ``ratio_cold`` and ``ratio_warm``.

    Args:
        case: as in ``bench_cases.parse``.
        dtype: of the features.
        batch: images in a step.
        device: "cpu", "gpu", or "auto".

    Raises:
        ValueError: a case that does not exist.
        RuntimeError: a process failed.
    """
    head = {"case": str(bench_cases.parse(case)), "dtype": dtype, "batch": batch}
    given = head | {"device": device} | processes.settings(bench_cases.parse(case).size)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as cache:
        for name, side in (("cold", "jaxseg"), ("warm", "jaxseg"), ("torch", "torch")):
            ran, told = processes.first_steps(side, given, cache)
            found |= {f"{name}_mib": round(ran.peak / MIB)} | {f"{name}_{key}": value for key, value in told.items()}
    ratios = {f"ratio_{name}": round(found[f"{name}_mib"] / found["torch_mib"], 2) for name in ("cold", "warm")}
    return {"race": "memory"} | head | ratios | found | machine.about()
