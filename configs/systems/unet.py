"""U-Net as it was published (Ronneberger et al. 2015), without padding or normalisation, on DRIVE.

    python launch/train.py --config=configs/systems/unet.py --config.data.dir=FOLDER --workdir=runs/unet
    python launch/evaluate.py --workdir=runs/unet --split=test

Published: batch 1, SGD with momentum 0.99, a map of weights that favours borders between cells, elastic deformation,
dropout of an unknown rate. Of these batch 1 stands here; rotation, scaling, flips and quarter turns take the place of
the deformation, and Adam at 1e-4 that of SGD: a tenth of joint attention's rate, since nothing is normalised. Its own
data were cells. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.drive("none")
    config.model.name = "unet"
    config.model.options = {"valid": True}
    config.data.augment.rotate = 45.0
    config.data.augment.scale = 0.2
    config.train.batch_size = 1
    config.optimizer.learning_rate = 1e-4
    return config
