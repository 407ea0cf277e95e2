"""DACN (Zhang et al. 2020), DenseUNet with an active contour, on ISIC-2017.

    python launch/train.py --config=configs/systems/dacn.py --config.data.dir=FOLDER --workdir=runs/dacn
    python launch/evaluate.py --workdir=runs/dacn --split=test

The constants of moliqingcha/DACN: 30,000 steps of batch 4 at 256 x 256, Adam at 1e-3, epsilon 1e-8 in the contour and
its means over the whole batch, the sum of squared errors plus 0.01 cross entropy of the logits that it starts from.
With that epsilon u has no gradient where lambda's branch is closed; ``--config.model.options="{'epsilon': 0.001,
'means': 'image'}"`` is the form that ``dacn`` has by default. Its row of ISIC-2017: Dice .8463. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.isic("none")
    config.model.name = "dacn"
    config.model.options = {"epsilon": 1e-8, "means": "batch"}
    config.loss.name = "dacn"
    config.train.steps = 30_000
    return config
