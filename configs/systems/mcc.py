"""U-Net with Matthews's correlation coefficient as its loss (Abhishek and Hamarneh 2020), on ISIC-2017.

    python launch/train.py --config=configs/systems/mcc.py --config.data.dir=FOLDER --workdir=runs/mcc
    python launch/evaluate.py --workdir=runs/mcc --split=test

Images of 128 x 128 are a guess, from their other paper; the schedule is in no public text. The loss adds 1e-5 to each
count, where the released code of 2020 adds 1 to the denominator. Its row of ISIC-2017: Dice .8384. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.isic("none")
    config.model.name = "unet"
    config.loss.name = "mcc"
    config.data.image_size = (128, 128)
    return config
