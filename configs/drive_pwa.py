"""DRIVE with point-wise attention in the skips of DenseUNet: the paper's DenseUNet-PWA.

    python launch/train.py --config=configs/drive_pwa.py --config.data.dir=FOLDER --workdir=runs/drive_pwa
    python launch/evaluate.py --workdir=runs/drive_pwa --split=test

The paper's settings (60,000 steps of batch 4, on a GPU) and our choices where it is silent: ``jaxseg/presets.py``.
The paper reports Dice .8118, accuracy .9673, AUC .9826, which fit means over images of the full image (docs/audit.md).
No result of ours yet.

``chase_ja9.py`` shows overrides for two CPU cores.
Where the archive has no test labels, ``--config.data.test=4`` holds training images out as test.
"""

from jaxseg import presets


def get_config():
    return presets.drive(attention="pwa")
