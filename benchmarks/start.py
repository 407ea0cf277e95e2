"""How long a start takes: the whole process of the demo with three steps, and PyTorch's process with three steps.

Cold is the first start of a user, nothing generated, prepared or compiled; warm is the second, in another folder. The
process is the launcher's own: it scores val, saves a checkpoint and draws its pictures at the end. An earlier version,
a checkout of it, takes turns with this one.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
import processes

ROOT = Path(__file__).parents[1]
CONFIG, CASE, STEPS = "configs/demo_ja9.py", "tiny:ja9:96", 3


def measure(*, against: str = "", turns: int = 1) -> dict[str, Any]:
    """Return seconds of each process, wall and processor, and when it printed what.

    Args:
        against: another checkout, whose seconds those of this one are compared with: ``ratio_cold``, ``ratio_warm``.
        turns: starts of each kind, of each checkout; medians count.

    Raises:
        ValueError: the checkout is none.
        RuntimeError: a process failed.
    """
    checkouts = {"": ROOT} | ({"against_": Path(against)} if against else {})
    for path in checkouts.values():
        if not (path / CONFIG).exists():
            raise ValueError(f"{path} has no {CONFIG}; give --against a checkout of jaxseg")
    ran: dict[str, list[processes.Ran]] = {}
    for turn in range(turns):
        for prefix in sorted(checkouts, reverse=turn % 2 == 1):
            with tempfile.TemporaryDirectory() as folder:
                for start in ("cold", "warm"):
                    ran.setdefault(f"{prefix}{start}", []).append(_demo(checkouts[prefix], Path(folder), start))
        given = {"case": CASE, "dtype": "float32", "batch": 4, "device": "auto"} | processes.settings("tiny")
        ran.setdefault("torch", []).append(processes.first_steps("torch", given)[0])
    found: dict[str, Any] = {}
    for name, each in ran.items():
        found[f"{name}_seconds"] = round(statistics.median(one.seconds for one in each), 2)
        found[f"{name}_cpu_seconds"] = round(statistics.median(one.cpu_seconds for one in each), 2)
    if against:
        for start in ("cold", "warm"):
            pairs = zip(ran[start], ran[f"against_{start}"], strict=True)
            found[f"ratio_{start}"] = round(
                statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs), 3
            )
    phases = {name: each[-1].lines for name, each in ran.items() if name != "torch"}
    return {"race": "start", "turns": turns} | found | {"phases": phases} | machine.about()


def _demo(checkout: Path, folder: Path, start: str) -> processes.Ran:
    cache = folder / "cache"
    cache.mkdir(exist_ok=True)
    path = os.pathsep.join([str(checkout), processes.without_torch(str(folder))])
    command = [sys.executable, str(checkout / "launch/train.py"), f"--config={checkout / CONFIG}"]
    command += [f"--workdir={folder / start}", f"--config.train.steps={STEPS}"]
    return processes.run(command, processes.with_cache(str(cache)) | {"PYTHONPATH": path})
