"""ISIC-2017 with point-wise attention in the skips of DenseUNet: the paper's DenseUNet-PWA.

    python launch/train.py --config=configs/isic_pwa.py --config.data.dir=FOLDER --workdir=runs/isic_pwa
    python launch/evaluate.py --workdir=runs/isic_pwa --split=test

The paper's settings (100,000 steps of batch 4, on a GPU) and our choices where it is silent: ``jaxseg/presets.py``.
The paper reports Dice .8396, accuracy .9322, which fit means over images (docs/audit.md). No result of ours yet.

The argument ``:reduced``, as in ``isic_pwa.py:reduced``, is for two CPU cores; see ``isic_ja9.py``.
"""

from jaxseg import presets


def get_config(scale="paper"):
    return presets.recipe(scale, presets.isic(attention="pwa"))
