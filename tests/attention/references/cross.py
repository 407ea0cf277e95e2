"""Record criss_cross and axial from public code.

    python cross.py CLONE_OF_CCNET CLONE_OF_AXIAL_DEEPLAB

criss_cross    speedinghzl/CCNet 5c63513 (MIT): CrissCrossAttention of cc_attention/functions.py, whose two kernels are
               a CUDA extension. Here plain loops stand for them: the scores of the W keys of a query's row, then of
               the H - 1 others of its column; and the sum of the same keys' values.
axial          csrhddlam/axial-deeplab 0bcd864 (MIT): AxialAttention of lib/models/axialnet.py
"""

import importlib
import sys
from copy import deepcopy
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import torch
from recording import drawn, record


def cross(height: int, width: int, y: int, x: int) -> list[tuple[int, int]]:
    """Return the positions of a query's row, then those of its column without itself."""
    return [(y, column) for column in range(width)] + [(row, x) for row in range(height) if row != y]


def score(query: torch.Tensor, key: torch.Tensor, weight: torch.Tensor) -> None:
    for y, x in product(*map(range, query.shape[2:])):
        for slot, (row, column) in enumerate(cross(*query.shape[2:], y, x)):
            weight[:, slot, y, x] = (query[:, :, y, x] * key[:, :, row, column]).sum(1)


def weigh(weight: torch.Tensor, value: torch.Tensor, out: torch.Tensor) -> None:
    for y, x in product(*map(range, value.shape[2:])):
        for slot, (row, column) in enumerate(cross(*value.shape[2:], y, x)):
            out[:, :, y, x] += weight[:, None, slot, y, x] * value[:, :, row, column]


def criss_cross(clone: Path) -> None:
    sys.path.insert(0, str(clone))
    sys.modules["cc_attention._ext"] = SimpleNamespace(ca_forward_cuda=score, ca_map_forward_cuda=weigh)
    attend = drawn(importlib.import_module("cc_attention.functions").CrissCrossAttention(16))
    x = torch.randn(2, 16, 4, 5).double()
    with torch.no_grad():
        record("criss_cross", attend, x=x, y=attend(x), twice=attend(attend(x)))


def axial(clone: Path) -> None:
    sys.path.insert(0, str(clone / "lib"))
    block = importlib.import_module("models.axialnet").AxialAttention
    attend = torch.nn.Sequential(block(8, 8, 2, kernel_size=4), block(8, 8, 2, kernel_size=5, width=True))
    drawn(attend)
    for line in attend:
        line.relative.data *= 2
    x = torch.randn(2, 8, 4, 5).double()
    record("axial", attend, x=x, y=attend(x), train=deepcopy(attend).train()(x))


if __name__ == "__main__":
    torch.manual_seed(0)
    criss_cross(Path(sys.argv[1]))
    axial(Path(sys.argv[2]))
