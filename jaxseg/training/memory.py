"""Whether a training step fits the memory of its devices, told before it compiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from jaxseg import counting
from jaxseg.config import Settings
from jaxseg.counting import memory
from jaxseg.models import Network
from jaxseg.training.devices import Devices


class Need(NamedTuple):
    """What a training step takes of the memory of one device, in bytes, and what there is.

    Attributes:
        whole: at most at once: state, records, batch, gradients, what the forward pass keeps, temporaries.
        given: state and records, which lie there between the steps too.
        room: what there is for it; None where nothing tells.
    """

    whole: int
    given: int
    room: int | None

    @property
    def fits(self) -> bool:
        """Whether there is enough, as far as anything tells."""
        return self.room is None or self.whole <= self.room


def of_step(step: Callable, arguments: tuple[Any, ...]) -> dict[str, int]:
    """Return ``whole`` and ``given`` of a step's ``Need``, counted on its program: nothing runs or compiles.

    On a CPU it was 0.76 to 1.11 of what the compiled program takes. The trace is the one that the first step needs
    anyway, so the count itself takes a second.

    Args:
        step: from ``step.parallel_step`` or ``step.parallel_steps``.
        arguments: its own, or their shapes.
    """
    found = counting.count(step, *arguments, turns=1)
    return {"whole": found.peak, "given": found.given}


def room(devices: Devices) -> int | None:
    """Return how many bytes each of the devices has; None where nothing tells."""
    there = counting.room(devices[0])
    return there // len(devices) if there is not None and shared(devices) else there


def shared(devices: Devices) -> bool:
    """Return whether the devices have one memory: those of a CPU."""
    return devices[0].platform == "cpu"


def told(need: Need, devices: Devices) -> str:
    """Return the need as a line for the user."""
    count = len(devices)
    line = f"a training step takes about {memory(need.whole)}" + (f" on each of {count} devices" if count > 1 else "")
    if need.room is None:
        return line
    if not shared(devices):
        return f"{line}, of {memory(need.room)}"
    return f"{line}, of {memory(need.room * count)} " + ("that they share" if count > 1 else "that are free")


def require(need: Need, devices: Devices, config: Settings, network: Network, frame: tuple[int, int]) -> None:
    """Raise ValueError where a step does not fit, with the settings that help, the most helpful first.

    Args:
        need: from ``of_step``.
        devices: that the step runs on.
        config: the settings.
        network: the network.
        frame: height and width of what a step shows it.
    """
    if not need.fits:
        ways = ", ".join(_remedies(need, devices, config, network, frame))
        raise ValueError(f"{told(need, devices)}, which is too little; what helps, the most first: {ways}")


def _remedies(
    need: Need, devices: Devices, config: Settings, network: Network, frame: tuple[int, int]
) -> Iterator[str]:
    """Yield settings that take less; batch and patch are the largest that fit."""
    room, levels = need.room or 0, network.levels or ()
    if need.given > room:  # no batch is small enough
        if config.data.device_limit:
            yield "--config.data.device_limit=0 (the images stay in their files)"
        yield "a smaller network (--config.model.size, --config.model.options)"
        return
    # All but state and records grows with the images of a step and with their pixels.
    part = (room - need.given) / (need.whole - need.given)
    if images := int(part * config.train.batch_size / len(devices)) * len(devices):
        yield f"--config.train.batch_size={images}"
    patch = tuple(int(side * math.sqrt(part) / network.stride) * network.stride for side in frame)
    if min(patch):
        yield f"--config.data.patch_size='{patch}'"
    if not network.remat:
        yield "--config.model.remat=true"
    if config.model.dtype == "float32" and not shared(devices):
        yield "--config.model.dtype=bfloat16"
    if network.attention != "none" and len(levels) > 1:
        yield f"--config.model.levels='{levels[1:]}'"
