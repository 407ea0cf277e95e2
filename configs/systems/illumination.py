"""U-Net on illumination-based inputs (Abhishek, Hamarneh and Drew 2020), on ISIC-2017.

    python launch/train.py --config=configs/systems/illumination.py --config.data.dir=FOLDER --workdir=runs/illumination
    python launch/evaluate.py --workdir=runs/illumination --split=test

The network sees the photograph and seven planes beside it, at 128 x 128 (``jaxseg/data/illumination.py``). The angle of
the intrinsic image is that of least entropy, as the paper has it; ``--config.data.angle=released`` is what the released
code computes. Loss, schedule and optimiser are in no public text. Their row of ISIC-2017: Dice .8386. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.isic("none")
    config.model.name = "unet"
    config.data.image_size = (128, 128)
    config.data.clahe.mode = "none"
    config.data.inputs = ("rgb", "r_prime", "v_star", "gray", "intrinsic", "shading_attenuated")
    return config
