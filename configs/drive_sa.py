"""DRIVE with self-attention in the skips of DenseUNet: the paper's DenseUNet-SA.

    python launch/train.py --config=configs/drive_sa.py --config.data.dir=FOLDER --workdir=runs/drive_sa
    python launch/evaluate.py --workdir=runs/drive_sa --split=test

The paper's settings (60,000 steps of batch 4, on a GPU) and our choices where it is silent: ``jaxseg/presets.py``.
The paper reports Dice .8109, accuracy .9687, AUC .9838, which fit means over images of the full image (docs/audit.md).
No result of ours yet.

``chase_ja9.py`` shows overrides for two CPU cores.
Where the archive has no test labels, ``--config.data.test=4`` holds training images out as test.
"""

from jaxseg import presets


def get_config():
    return presets.drive(attention="sa")
