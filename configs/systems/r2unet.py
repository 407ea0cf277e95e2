"""R2U-Net (Alom et al. 2019), the public form, on DRIVE.

    python launch/train.py --config=configs/systems/r2unet.py --config.data.dir=FOLDER --workdir=runs/r2unet
    python launch/evaluate.py --workdir=runs/r2unet --split=test

From the paper, as far as its text is known: crops of 48 x 48, batches of 32, Adam, cross entropy, two turns. Its own
retina network has 16, 32 and 64 channels and 0.845 million parameters, in a way that its text does not give; this one
is the public form at 64 to 1024 channels. Its row of DRIVE (Dice .8171) counts the field of view. What is not set here,
such as CLAHE, is as in the runs of joint attention: ``jaxseg/presets.py``. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.drive("none")
    config.model.name = "r2unet"
    config.data.patch_size = (48, 48)
    config.train.batch_size = 32
    return config
