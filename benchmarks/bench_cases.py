"""A case of the benchmarks: which network, with which attention, on images of which size; and what it is shown."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ATTENTIONS = ("none", "sa", "pwa", "ja9")
SIZES = ("161", "121", "base", "small", "tiny", "micro")
WANTED = "size:attention:side or size:attention:HEIGHTxWIDTH, as in small:ja9:128 or 161:none:584x565"
MEAN, STD = (120.0, 110.0, 100.0), (60.0, 50.0, 40.0)  # of the images of ``records``, in grey levels


class Case(NamedTuple):
    """A network and the images that it sees; ``str`` gives what ``parse`` reads."""

    size: str
    attention: str
    height: int
    width: int

    def __str__(self) -> str:
        sides = f"{self.height}" if self.height == self.width else f"{self.height}x{self.width}"
        return f"{self.size}:{self.attention}:{sides}"


def parse(text: str) -> Case:
    """Return the case that ``text`` names.

    Raises:
        ValueError: what came, and what was wanted.
    """
    parts = text.split(":")
    if len(parts) != 3 or parts[0] not in SIZES or parts[1] not in ATTENTIONS:
        raise ValueError(
            f"case is {text!r}; want {WANTED}, with a size of {', '.join(SIZES)} and an attention of "
            f"{', '.join(ATTENTIONS)}"
        )
    sides = parts[2].split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise ValueError(f"case is {text!r}, whose images have no size; want {WANTED}")
    return Case(parts[0], parts[1], int(sides[0]), int(sides[-1]))


def records(case: Case, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random images, uint8 [count, height, width, 3], and masks of 0 and 1, uint8 [count, height, width]."""
    rng = np.random.default_rng(0)
    grey = rng.normal(MEAN, STD, (count, case.height, case.width, 3)).clip(0, 255)
    return grey.astype(np.uint8), rng.integers(0, 2, (count, case.height, case.width), np.uint8)
