"""ISIC-2017 with joint attention JA-9 in the skips of DenseUNet: the paper's DenseUNet-JA.

    python launch/train.py --config=configs/isic_ja9.py --config.data.dir=FOLDER --workdir=runs/isic_ja9
    python launch/evaluate.py --workdir=runs/isic_ja9 --split=test

The paper's settings (100,000 steps of batch 4, on a GPU) and our choices where it is silent: ``jaxseg/presets.py``.
The paper reports, as means over images: Dice .8500, accuracy .9338. Not measured here.
Another structure: ``--config.model.attention=ja3``.
"""

from jaxseg import presets


def get_config():
    return presets.isic(attention="ja9")
