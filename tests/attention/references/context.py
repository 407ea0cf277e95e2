"""Record danet and key_only from public code.

    python context.py CLONE_OF_DANET CLONE_OF_GCNET

danet      junfu1115/DANet 766c34e (MIT): PAM_Module of encoding/nn/da_att.py
key_only   xvjiarui/GCNet 30512f6: ContextBlock2d of mmdet/ops/ct/context_block.py, attention pooling and addition
           (no licence file in that repository; its port in mmcv, the same computation, is Apache-2.0)
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from recording import drawn, load, record


def main(danet: Path, gcnet: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 16, 3, 5).double()
    attend = drawn(load(danet / "encoding" / "nn" / "da_att.py").PAM_Module(16))
    record("danet", attend, x=x, y=attend(x))

    x = torch.randn(2, 8, 3, 5).double()
    initialisers = SimpleNamespace(constant_init=lambda *_, **__: None, kaiming_init=lambda *_, **__: None)
    blocks = load(gcnet / "mmdet" / "ops" / "ct" / "context_block.py", mmcv__cnn=initialisers)
    attend = drawn(blocks.ContextBlock2d(8, 4, "att", ["channel_add"]))
    record("key_only", attend, x=x, y=attend(x))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
