"""DRIVE with joint attention JA-9 in the skips of DenseUNet: the paper's DenseUNet-JA.

    python launch/train.py --config=configs/drive_ja9.py --config.data.dir=FOLDER --workdir=runs/drive_ja9
    python launch/evaluate.py --workdir=runs/drive_ja9 --split=test

The paper's settings (60,000 steps of batch 4, on a GPU) and our choices where it is silent: ``jaxseg/presets.py``.
The paper reports Dice .8164, accuracy .9690, AUC .9845, which fit means over images of the full image (docs/audit.md).
No result of ours yet.
Another structure: ``--config.model.attention=ja3``.

``chase_ja9.py`` shows overrides for two CPU cores.
Where the archive has no test labels, ``--config.data.test=4`` holds training images out as test.
"""

from jaxseg import presets


def get_config():
    return presets.drive(attention="ja9")
