"""Races between jaxseg and its PyTorch twin: the same numbers first, then alternating turns and their ratios.

    import race
    race.train("small:ja9:128", turns=7, seconds=1.0)["ratio"]  # jaxseg's time over PyTorch's: below 1 is faster

Both sides live in one process and take turns of about a second, each turn many steps and one wait at its end. A ratio
is that of two turns that follow each other, and the median of them counts, so a neighbour on the machine slows both
alike.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # or JAX takes the GPU's memory before PyTorch starts

import bench_cases
import equality
import jax
import machine
import ours
import torch
import twin
from bench_cases import Case

from jaxseg.runs import compilation
from jaxseg.training import devices as on

DTYPES, DEVICE_NAMES = ("float32", "bfloat16"), ("auto", "cpu", "gpu")
TURNS, SECONDS = 9, 1.0

Result = dict[str, Any]


def train(
    case: str | Case,
    *,
    dtype: str = "float32",
    batch: int = 4,
    turns: int = TURNS,
    seconds: float = SECONDS,
    compiled: bool = False,
    device: str = "auto",
) -> Result:
    """Race a training step: gradients, Adam, BatchNorm's statistics; the records on the device, nothing augmented.

    Args:
        case: as in ``bench_cases.parse``.
        dtype: of the features, "float32" or "bfloat16"; parameters are float32.
        batch: images in a step.
        turns: of each side.
        seconds: that a turn lasts, about.
        compiled: whether the twin under ``torch.compile`` takes part: "ratio_compile", "torch_compile_ms".
        device: "cpu", "gpu", or "auto": the GPU where both see one.

    Returns:
        ``ratio`` (jaxseg's time over the twin's, the median over the turns), ``range``, both medians in milliseconds a
        step, seconds to the end of the first step (compiling included, or reading compiled programs from the user's
        cache), how far apart the two are, and where it was measured.

    Raises:
        ValueError: a case or a device that does not exist.
        equality.Mismatch: the two differ.
    """
    case = bench_cases.parse(case) if isinstance(case, str) else case
    devices, place = placed(device, lambda: on.set_up(batch, 0))
    variables = ours.variables(case)
    apart: Result = {"network": equality.network(case, variables, place)}
    left = ours.Training(case, dtype=dtype, batch=batch, devices=devices, variables=variables)
    firsts = {"jaxseg": timed(left.run, 1)}
    truth, counts = left.after_first(), {}

    def other(compiled: bool) -> tuple[Any, float]:
        right = equality.training_of(case, left, variables, place, dtype=dtype, compiled=compiled)
        if compiled:  # without hooks, whose removal would have it compiled again
            took = timed(right.run, 1)
        else:
            with equality.counted(right.twin, counts):
                took = timed(right.run, 1)
        name, computed = "compiled" if compiled else "step", equality.computed(dtype, place)
        apart[name] = equality.first_step(truth, right, counts, variables, computed)
        return right, took

    found = against(left, firsts, other, compiled=compiled, turns=turns, seconds=seconds)
    head = {"race": "train", "case": str(case), "dtype": dtype, "batch": batch}
    return head | found | {"apart": apart, "devices": len(devices)} | where(place)


def infer(
    case: str | Case,
    *,
    dtype: str = "float32",
    batch: int = 1,
    turns: int = TURNS,
    seconds: float = SECONDS,
    compiled: bool = False,
    device: str = "auto",
) -> Result:
    """Race the network's probabilities of normalised images that lie on the device; all else is as in ``train``."""
    case = bench_cases.parse(case) if isinstance(case, str) else case
    devices, place = placed(device, single)
    variables = ours.variables(case)
    apart: Result = {"network": equality.network(case, variables, place)}
    images = ours.normalised(case, batch)
    left = ours.Inference(case, images, dtype=dtype, variables=variables)
    firsts = {"jaxseg": timed(left.run, 1)}

    def other(compiled: bool) -> tuple[Any, float]:
        right = twin.Inference(equality.twin_of(case, variables, place), images, dtype=dtype, compiled=compiled)
        took = timed(right.run, 1)
        name, allowed = "compiled" if compiled else "probabilities", equality.ALLOWED[equality.computed(dtype, place)]
        apart[name] = equality.probabilities(left, right, allowed["probabilities"])
        return right, took

    found = against(left, firsts, other, compiled=compiled, turns=turns, seconds=seconds)
    head = {"race": "infer", "case": str(case), "dtype": dtype, "batch": batch}
    return head | found | {"apart": apart, "devices": len(devices)} | where(place)


def placed(device: str, start: Callable[[], on.Devices]) -> tuple[on.Devices, torch.device]:
    """Bind both sides to a device before JAX starts; return JAX's devices, as ``start`` gives them, and PyTorch's.

    Raises:
        ValueError: a device that does not exist, or a GPU is asked for and one of the two sees none.
    """
    if device not in DEVICE_NAMES:
        raise ValueError(f"device is {device!r}; choose one of {', '.join(DEVICE_NAMES)}")
    seen = torch.cuda.is_available()
    if device == "cpu" or not seen:
        jax.config.update("jax_platforms", "cpu")
    devices = start()
    if devices[0].platform == "gpu":
        return devices[:1], twin.prepare("cuda")  # PyTorch uses one
    if device == "gpu":
        raise ValueError(f"device is gpu, and {'JAX' if seen else 'PyTorch'} sees none; take cpu, or mend that")
    return devices, twin.prepare("cpu")


def single() -> on.Devices:
    """Return the device on which JAX runs what is not shared."""
    compilation.set_up()
    return jax.local_devices()[:1]


def against(
    left: Any,
    firsts: dict[str, float],
    other: Callable[[bool], tuple[Any, float]],
    *,
    compiled: bool,
    turns: int,
    seconds: float,
) -> Result:
    """Race jaxseg's side against the twin that ``other(compiled)`` makes, eager and, where asked, compiled."""
    contenders, note = {"jaxseg": left.run}, {}
    right, firsts["torch"] = other(False)
    contenders["torch"] = right.run
    if compiled:
        try:
            right, firsts["torch_compile"] = other(True)
            contenders["torch_compile"] = right.run
        except equality.Mismatch:
            raise
        except Exception as error:  # no compiler on this machine: the eager race is still one
            note["compile_error"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    with machine.watched() as others:
        times = in_turns(contenders, turns=turns, seconds=seconds)
    told = ratios(times) | {f"{name}_first_seconds": round(took, 2) for name, took in firsts.items()}
    return told | note | {"turns": turns} | others


def in_turns(
    contenders: Mapping[str, Callable[[int], None]], *, turns: int, seconds: float = SECONDS, steps: int = 0
) -> dict[str, list[float]]:
    """Return the milliseconds a step of each contender in each turn. They start in turn, so that drift cancels.

    Args:
        contenders: each takes so many steps and waits for the last; every one has run once.
        turns: of each.
        seconds: that a turn lasts, about.
        steps: of a turn; 0: as many as the seconds hold.
    """
    number = {name: steps or _steps(run, seconds) for name, run in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(turns):
        for name in sorted(contenders, reverse=turn % 2 == 1):
            times[name].append(1000 * timed(contenders[name], number[name]) / number[name])
    return times


def _steps(run: Callable[[int], None], seconds: float) -> int:
    """Return how many steps fit into a turn; the first one touches new memory, and may tune kernels."""
    took = min(timed(run, 1), timed(run, 1))
    if took < seconds:
        few = round(seconds / took)
        took = timed(run, few) / few
    return max(1, round(seconds / took))


def timed(run: Callable[[int], None], steps: int) -> float:
    """Return the seconds of so many steps."""
    began = time.perf_counter()
    run(steps)
    return time.perf_counter() - began


def ratios(times: Mapping[str, list[float]], ours: str = "jaxseg") -> Result:
    """Return the median time of each contender, and of ours over each other one the median ratio and its range."""
    found: Result = {}
    for name, other in times.items():
        if name == ours:
            continue
        tail = name.removeprefix("torch")
        pairs = [a / b for a, b in zip(times[ours], other, strict=True)]
        found[f"ratio{tail}"] = round(statistics.median(pairs), 3)
        found[f"range{tail}"] = [round(min(pairs), 3), round(max(pairs), 3)]
    return found | {f"{name}_ms": round(statistics.median(t), 3) for name, t in times.items()}


def where(device: torch.device) -> Result:
    """Return what the race ran on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"device": name} | machine.about()
