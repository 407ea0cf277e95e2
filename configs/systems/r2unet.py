"""R2U-Net (Alom et al. 2019), the public form, on DRIVE.

    python launch/train.py --config=configs/systems/r2unet.py --config.data.dir=FOLDER --workdir=runs/r2unet
    python launch/evaluate.py --workdir=runs/r2unet --split=test

Its settings are not verified against the paper: crops of 48 x 48, batches of 32, Adam, cross entropy, two turns, and a
retina network of 16 to 128 channels with 0.845 million parameters, which no sharing that was tried gives; this one is
the public form at 64 to 1024 channels. Its row of DRIVE (Dice .8171) counts the field of view. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.drive("none")
    config.model.name = "r2unet"
    config.data.patch_size = (48, 48)
    config.train.batch_size = 32
    return config
