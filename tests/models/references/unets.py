"""Record U-Net, Attention U-Net and R2U-Net from public code, each at a 32nd of its width: 2, 4, 8, 16, 32 channels.

    PYTHONPATH=../../attention/references python unets.py CLONE_OF_PYTORCH_UNET CLONE_OF_IMAGE_SEGMENTATION

unet              milesial/Pytorch-UNet 21d7850 (GPL-3; run only): UNet of unet/unet_model.py
attention_unet    LeeJunHyun/Image_Segmentation 5e9da93 (no licence; run only): AttU_Net of network.py
r2unet            the same: R2U_Net, t = 2
"""

import re
import sys
from pathlib import Path

import torch
from recording import alive, load, passes, record


def narrow(text: str) -> str:
    """Return the code of a network with the channels that stand in it, 32 to 1024, divided by 32."""
    return re.sub(r"\b(32|64|128|256|512|1024)\b", lambda found: str(int(found[0]) // 32), text)


def main(pytorch_unet: Path, image_segmentation: Path) -> None:
    torch.manual_seed(0)
    parts = load(pytorch_unet / "unet" / "unet_parts.py")
    whole = pytorch_unet / "unet" / "unet_model.py"
    unet = load(whole, lambda text: narrow(text).replace("from .", "from "), unet_parts=parts)
    networks = load(image_segmentation / "network.py", narrow)
    x = torch.randn(2, 3, 32, 16).double()
    for name, module in {
        "unet": unet.UNet(3, 2),
        "attention_unet": networks.AttU_Net(3, 2),
        "r2unet": networks.R2U_Net(3, 2, t=2),
    }.items():
        record(name, alive(module), **passes(module, x))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
