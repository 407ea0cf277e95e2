"""The Non-local U-Net (Wang et al. 2020) in two dimensions, on DRIVE.

    python launch/train.py --config=configs/systems/nonlocal_unet.py --config.data.dir=FOLDER --workdir=runs/nonlocal
    python launch/evaluate.py --workdir=runs/nonlocal --split=test

Settings of divelab/Non-local-U-Nets, configure.py: depth 3, 32 channels, crops of 32, batches of 5, Adam at 1e-3, an L2
penalty of 2e-6, dropout 0.5, the checkpoint near step 153,000, and prediction by overlapping crops, moved by 8. There
each image is standardised by itself, here by the training set. The published network is 3-D, for infant brains. No
result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.drive("none")
    config.model.name = "nonlocal_unet"
    config.data.patch_size = (32, 32)
    config.train.batch_size = 5
    config.train.steps = 153_000
    config.optimizer.beta2 = 0.999
    config.optimizer.weight_decay = 2e-6
    config.optimizer.weight_decay_kind = "l2"
    config.eval.tile = (32, 32)
    config.eval.overlap = 0.75
    return config
