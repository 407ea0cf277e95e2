"""DRIVE with DenseUNet alone: the paper's baseline.

    python launch/train.py --config=configs/drive_baseline.py --config.data.dir=FOLDER --workdir=runs/drive_baseline
    python launch/evaluate.py --workdir=runs/drive_baseline --split=test

The paper's settings (60,000 steps of batch 4, on a GPU) and our choices where it is silent: ``jaxseg/presets.py``.
The paper reports Dice .8048, accuracy .9677, AUC .9802, which fit means over images of the full image (docs/audit.md).
No result of ours yet.

``chase_ja9.py`` shows overrides for two CPU cores.
Where the archive has no test labels, ``--config.data.test=4`` holds training images out as test.
"""

from jaxseg import presets


def get_config():
    return presets.drive(attention="none")
