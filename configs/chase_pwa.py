"""CHASE_DB1 with point-wise attention in the skips of DenseUNet.

    python launch/train.py --config=configs/chase_pwa.py --config.data.dir=FOLDER --workdir=runs/chase_pwa
    python launch/evaluate.py --workdir=runs/chase_pwa --split=test

CHASE_DB1 is not in the paper; the settings are those of DRIVE: ``jaxseg/presets.py``. In file order the first 20
images train (4 of them are val), the last 8 test. No result yet at this size.

``chase_ja9.py`` shows overrides for two CPU cores.
"""

from jaxseg import presets


def get_config():
    return presets.chase(attention="pwa")
