"""UNet++ (Zhou et al. 2018) on ISIC-2017, at its published width.

    python launch/train.py --config=configs/systems/unetpp.py --config.data.dir=FOLDER --workdir=runs/unetpp
    python launch/evaluate.py --workdir=runs/unetpp --split=test

Published: the mean of four heads' losses, half binary cross entropy plus soft Dice, Adam at 3e-4 with early stopping
(the released code has dropout 0.5 and no batch normalisation; this network has batch normalisation and no dropout; its
heads' losses are added, and its last head alone predicts). Its own data were nuclei, polyps, liver and nodules, at 96 x
96; the steps here are those of the paper's ISIC-2017 runs. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.isic("none")
    config.model.name = "unetpp"
    config.loss.name = "dice_ce"
    config.loss.options = {"cross_entropy_weight": 0.5}
    config.optimizer.learning_rate = 3e-4
    config.optimizer.beta2 = 0.999
    return config
