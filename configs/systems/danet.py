"""DANet's head (Fu et al. 2019) at the bottom of a U-Net, on ISIC-2017.

    python launch/train.py --config=configs/systems/danet.py --config.data.dir=FOLDER --workdir=runs/danet
    python launch/evaluate.py --workdir=runs/danet --split=test

The published network is a dilated ResNet without a decoder; its head, with cross entropy of its two branches and of
their sum, is what stands here. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.isic("none")
    config.model.name = "unet"
    config.model.options = {"bottom": "danet"}
    return config
