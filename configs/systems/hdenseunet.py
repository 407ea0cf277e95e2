"""The 2-D network of H-DenseUNet (Li et al. 2018) on ISIC-2017.

    python launch/train.py --config=configs/systems/hdenseunet.py --config.data.dir=FOLDER --workdir=runs/hdenseunet
    python launch/evaluate.py --workdir=runs/hdenseunet --split=test

Published for the liver and its tumours, three classes, by SGD at 1e-3, with class weights, flips and crops that
suit that set. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.isic("none")
    config.model.name = "hdenseunet"
    return config
