"""Record W-Net from public code, at a quarter of its width and with two logits, which come before those of net 1.

    PYTHONPATH=../../attention/references python lwnet.py CLONE_OF_LWNET

wnet    agaldran/lwnet ce72ddab (MIT): wnet of models/get_model.py, layers 2, 4, 8
"""

import sys
from pathlib import Path

import torch
from recording import alive, load, passes, record


def main(clone: Path) -> None:
    torch.manual_seed(0)
    parts = load(clone / "models" / "res_unet_adrian.py")

    def edit(text: str) -> str:
        result = "torch.cat([x2, x1], 1) if self.training else x2"
        return text.replace("from .", "from ").replace("return x1,x2", f"return {result}")

    module = load(clone / "models" / "get_model.py", edit, res_unet_adrian=parts).wnet(2, 3, (2, 4, 8))
    record("wnet", alive(module), **passes(module, torch.randn(2, 3, 16, 12).double()))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
