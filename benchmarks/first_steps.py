"""A process that takes a few training steps on one side, for those who measure processes: see ``processes.py``."""

from __future__ import annotations

import json
import sys
from typing import Any

import bench_cases

MIB, STEPS = 2**20, 3


def jaxseg(case: bench_cases.Case, dtype: str, batch: int, device: str, **_: Any) -> dict[str, Any]:
    """Take steps of jaxseg's; return the device's peak in MiB where it is not the process's own."""
    import jax
    import ours

    from jaxseg.runs import programs
    from jaxseg.training import devices as on

    programs.allow()  # as the launchers do
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    devices = on.set_up(batch, 0)
    variables = ours.variables(case)
    ours.Training(case, dtype=dtype, batch=batch, devices=devices, variables=variables).run(STEPS)
    stats = devices[0].memory_stats()
    return {"device_mib": round(stats["peak_bytes_in_use"] / MIB)} if stats else {}


def torch(case: bench_cases.Case, dtype: str, batch: int, device: str, widths: list, adam: dict) -> dict[str, Any]:
    """Take steps of PyTorch's twin; return the device's peak in MiB where it is not the process's own."""
    import numpy as np
    import torch
    import twin

    place = twin.prepare("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    twin.Training(
        twin.DenseUNet(widths, case.attention).to(place, memory_format=torch.channels_last),
        *bench_cases.records(case, 2 * batch),
        dtype=dtype,
        adam=adam,
        mean=bench_cases.MEAN,
        std=bench_cases.STD,
        indices=lambda step: np.arange(batch),
    ).run(STEPS)
    return {"device_mib": round(torch.cuda.max_memory_allocated() / MIB)} if place.type == "cuda" else {}


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    given["case"] = bench_cases.parse(given["case"])
    print(json.dumps({"jaxseg": jaxseg, "torch": torch}[sys.argv[1]](**given)))
