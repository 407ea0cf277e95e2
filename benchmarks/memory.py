"""Peak memory of a whole training process: jaxseg's with nothing compiled before, with all compiled, and PyTorch's.

Each contender is a fresh process that takes a few steps, imports nothing of the other, and is asked for its largest
resident set at its end. On a GPU, the device's own peak is told as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cases
import machine

MIB = 2**20
STEPS = 3
# The network's widths and the optimiser's settings, asked of a process of their own: this one stays small, since a
# process counts the memory of the one that started it as its own until it runs its own program.
SETTINGS = """
import json, sys
from jaxseg.config import defaults
from jaxseg.models.denseunet import SIZES
print(json.dumps(dict(widths=SIZES[sys.argv[1]], adam=defaults().optimizer.to_dict())))
"""


def measure(case: str, *, dtype: str = "float32", batch: int = 4, device: str = "auto") -> dict[str, Any]:
    """Return MiB of each process, and jaxseg's over PyTorch's as ``ratio_cold`` and ``ratio_warm``.

    Args:
        case: as in ``cases.parse``.
        dtype: of the features.
        batch: images in a step.
        device: "cpu", "gpu", or "auto".

    Raises:
        ValueError: a case that does not exist.
        RuntimeError: a process failed; its last line says why.
    """
    head = {"case": str(cases.parse(case)), "dtype": dtype, "batch": batch}
    asked = subprocess.run(
        [sys.executable, "-c", SETTINGS, cases.parse(case).size], stdout=subprocess.PIPE, text=True, check=True
    )
    given = json.dumps(head | {"device": device} | json.loads(asked.stdout))
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as cache:
        for name, side in (("cold", "jaxseg"), ("warm", "jaxseg"), ("torch", "torch")):
            told, peak = _peak([sys.executable, __file__, side, given], os.environ | {"XDG_CACHE_HOME": cache})
            found |= {f"{name}_mib": round(peak / MIB), **{f"{name}_{key}": value for key, value in told.items()}}
    ratios = {f"ratio_{name}": round(found[f"{name}_mib"] / found["torch_mib"], 2) for name in ("cold", "warm")}
    return {"race": "memory"} | head | ratios | found | machine.about()


def _peak(command: list[str], environment: dict[str, str]) -> tuple[dict[str, Any], int]:
    """Return what a process printed, and the most bytes that it held."""
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        told = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{Path(command[1]).name} {command[2]} failed (exit {process.returncode}); see above")
    return json.loads(told.splitlines()[-1]), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def jaxseg(case: cases.Case, dtype: str, batch: int, device: str, **_: Any) -> dict[str, Any]:
    """Take steps of jaxseg's; return the device's peak where it is not the process's own."""
    sys.modules["torch"] = None  # type: ignore[assignment]  # TensorBoard's writer would load it where it is installed
    import jax
    import ours

    from jaxseg.training import devices as on

    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    devices = on.set_up(batch, 0)
    variables = ours.variables(case)
    ours.Training(case, dtype=dtype, batch=batch, devices=devices, variables=variables).run(STEPS)
    stats = devices[0].memory_stats()
    return {"device_mib": round(stats["peak_bytes_in_use"] / MIB)} if stats else {}


def torch(case: cases.Case, dtype: str, batch: int, device: str, widths: list, adam: dict) -> dict[str, Any]:
    """Take steps of PyTorch's twin; return the device's peak where it is not the process's own."""
    import numpy as np
    import torch
    import twin

    place = twin.prepare("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    twin.Training(
        twin.DenseUNet(widths, case.attention).to(place, memory_format=torch.channels_last),
        *cases.records(case, 2 * batch),
        dtype=dtype,
        adam=adam,
        mean=cases.MEAN,
        std=cases.STD,
        indices=lambda step: np.arange(batch),
    ).run(STEPS)
    return {"device_mib": round(torch.cuda.max_memory_allocated() / MIB)} if place.type == "cuda" else {}


if __name__ == "__main__":
    side, given = sys.argv[1], json.loads(sys.argv[2])
    given["case"] = cases.parse(given["case"])
    print(json.dumps({"jaxseg": jaxseg, "torch": torch}[side](**given)))
