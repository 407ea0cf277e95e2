"""Vessel-Net (Wu et al. 2019), after public re-implementations, on DRIVE.

    python launch/train.py --config=configs/systems/vesselnet.py --config.data.dir=FOLDER --workdir=runs/vesselnet
    python launch/evaluate.py --workdir=runs/vesselnet --split=test

Cross entropy on all four paths, ReLU on the logits as in the public code. Grey images with CLAHE and gamma and crops of
48 x 48 are a guess, from that group's other work, and so are batches of 32. Weights of the paths, optimiser and
schedule are in no public text: here all weigh 1, and Adam is that of joint attention. Its row of DRIVE (AUC .9821)
counts the field of view. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.drive("none")
    config.model.name = "vesselnet"
    config.model.options = {"rectified": True}
    config.data.clahe.mode = "gray"
    config.data.patch_size = (48, 48)
    config.train.batch_size = 32
    return config
