"""Record the two branches of PSANet from public code.

    python psa.py CLONE_OF_SEMSEG

hszhao/semseg 5e5a0ba (MIT): PSA of model/psanet.py, whose ``psa_mask`` is a C++ and CUDA extension. Here a plain loop
stands for it, from the index formula of lib/psa/src/cpu/psamask.cpp: the score that position p has for the offset D
goes to the pair (query p, key p + D) if the branch collects, and to (query p + D, key p) if it distributes.
"""

import sys
from itertools import product
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from recording import drawn, load, record

COLLECT, DISTRIBUTE = 0, 1


def psa_mask(mask: torch.Tensor, branch: int, rows: int, columns: int) -> torch.Tensor:
    """Return [images, keys, *queries] from the scores [images, offsets, *positions], zero where no offset leads."""
    images, _, height, width = mask.shape
    mask = mask.unflatten(1, (rows, columns))
    pairs = mask.new_zeros(images, height * width, height, width)
    for y, x, row, column in product(range(height), range(width), range(rows), range(columns)):
        to_y, to_x = y + row - (rows - 1) // 2, x + column - (columns - 1) // 2
        if 0 <= to_y < height and 0 <= to_x < width:
            score = mask[:, row, column, y, x]
            if branch == COLLECT:
                pairs[:, to_y * width + to_x, y, x] = score
            else:
                pairs[:, y * width + x, to_y, to_x] = score
    return pairs


def psanet(semseg: Path) -> ModuleType:
    """Return model/psanet.py with ``psa_mask`` for its extension."""
    mask, resnet = SimpleNamespace(psa_mask=psa_mask), SimpleNamespace()
    packages = {"lib": SimpleNamespace(), "lib__psa": SimpleNamespace(functional=mask), "model": SimpleNamespace()}
    stubs = packages | {"lib__psa__functional": mask, "model__resnet": resnet}
    packages["lib"].psa, packages["model"].resnet = packages["lib__psa"], resnet
    return load(semseg / "model" / "psanet.py", **stubs)


def main(semseg: Path) -> None:
    torch.manual_seed(0)
    block = psanet(semseg).PSA

    x = torch.randn(2, 8, 3, 5).double()
    options = {"in_channels": 8, "mid_channels": 4, "shrink_factor": 1, "mask_h": 9, "mask_w": 9}
    full = drawn(block(psa_type=COLLECT, **options))
    weights = {name: weight.clone() for name, weight in full.state_dict().items()}

    def attend(branch: int, *, train: bool = False, **chosen: object) -> torch.Tensor:
        module = block(psa_type=branch, **options, **chosen).double().train(train)
        module.load_state_dict(weights)
        return module(x)[:, 8:]  # Beside it stands x itself.

    outputs = {
        "collect": attend(COLLECT),
        "distribute": attend(DISTRIBUTE),
        "collect train": attend(COLLECT, train=True),
        "collect plain": attend(COLLECT, psa_softmax=False, normalization_factor=None),
        "distribute plain": attend(DISTRIBUTE, psa_softmax=False, normalization_factor=7.0),
    }
    record("psa", full, x=x, **outputs)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
