"""Record what lies inside of networks from public code: two heads, and a block.

    PYTHONPATH=../../attention/references python heads.py CLONE_OF_DANET CLONE_OF_SEMSEG \
        CLONE_OF_SEGMENTATION_MODELS

danet_head     junfu1115/DANet b0a0fa0 (MIT): DANetHead of encoding/models/sseg/danet.py, its dropout at rate 0
psanet_head    hszhao/semseg 4f274c3 (MIT): PSA of model/psanet.py, psa_type 2, shrink_factor 2; a loop stands for its
               extension, see psa.py in the folder of the path above
scse           qubvel-org/segmentation_models.pytorch 5006616 (MIT): SCSEModule of base/modules.py
"""

import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import torch
from psa import psanet
from recording import drawn, load, passes, record


def danet_head(clone: Path) -> None:
    def edit(text: str) -> str:
        return text.replace("from ...nn ", "from da_att ").replace("from .base ", "from base ")

    modules = load(clone / "encoding" / "nn" / "da_att.py")
    base = SimpleNamespace(BaseNet=torch.nn.Module)
    file = clone / "encoding" / "models" / "sseg" / "danet.py"
    head = drawn(load(file, edit, da_att=modules, base=base).DANetHead(64, 2, torch.nn.BatchNorm2d))
    for part in head.modules():
        if isinstance(part, torch.nn.Dropout2d):
            part.p = 0.0
    record("danet_head", head, **passes(head, torch.randn(2, 64, 5, 7).double()))


def psanet_head(clone: Path) -> None:
    head = drawn(psanet(clone).PSA(16, 4, psa_type=2, shrink_factor=2, mask_h=7, mask_w=7))
    record("psanet_head", head, **passes(head, torch.randn(2, 16, 5, 7).double()))


def scse(clone: Path) -> None:
    block = drawn(load(clone / "segmentation_models_pytorch" / "base" / "modules.py").SCSEModule(16, 4))
    record("scse", block, **passes(block, torch.randn(2, 16, 3, 5).double()))


def main(*clones: Path) -> None:
    warnings.simplefilter("ignore")  # of what torch has renamed since
    torch.manual_seed(0)
    for part, clone in zip((danet_head, psanet_head, scse), clones, strict=True):
        part(clone)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
