"""PSANet's head (Zhao et al. 2018) at the bottom of a U-Net, on ISIC-2017.

    python launch/train.py --config=configs/systems/psanet.py --config.data.dir=FOLDER --workdir=runs/psanet
    python launch/evaluate.py --workdir=runs/psanet --split=test

The published network is a dilated ResNet without a decoder. The head's tables have an entry for each offset of a grid
of 8 x 8, a sixteenth of 256 shrunk by two. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.isic("none")
    config.model.name = "unet"
    config.model.options = {"bottom": "psanet", "bottom_options": {"span": 8}}
    return config
