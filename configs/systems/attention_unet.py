"""Attention U-Net (Oktay et al. 2018), the public 2-D form, on ISIC-2017.

    python launch/train.py --config=configs/systems/attention_unet.py --config.data.dir=FOLDER --workdir=runs/gates
    python launch/evaluate.py --workdir=runs/gates --split=test

Settings of LeeJunHyun/Image_Segmentation, main.py, where its defaults say them: batch 1, Adam at 2e-4 with beta1 0.5
and beta2 0.999, cross entropy. There the rate, the number of epochs (100 to 250 of 2000 images), how long it falls in a
line to 0 at their end, and the amount of augmentation are drawn at random for each run. The paper's own network is 3-D,
with soft Dice, batch 2, a rate of 1e-4 halved every 250 epochs. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.isic("none")
    config.model.name = "attention_unet"
    config.train.batch_size = 1
    config.train.steps = 200_000
    config.optimizer.learning_rate = 2e-4
    config.optimizer.beta1 = 0.5
    config.optimizer.beta2 = 0.999
    config.data.augment.flips = True
    return config
