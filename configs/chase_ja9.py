r"""CHASE_DB1 with joint attention JA-9 in the skips of DenseUNet.

    python launch/train.py --config=configs/chase_ja9.py --config.data.dir=FOLDER --workdir=runs/chase_ja9
    python launch/evaluate.py --workdir=runs/chase_ja9 --split=test

CHASE_DB1 is not in the paper; the settings are those of DRIVE: ``jaxseg/presets.py``. In file order the first 20
images train (4 of them are val), the last 8 test. No result yet at this size. Two CPU cores:

    python launch/train.py --config=configs/chase_ja9.py --config.data.dir=FOLDER --workdir=runs/chase_ja9 \
        --config.model.size=small --config.data.patch_size="(192, 192)" --config.train.steps=2000 \
        --config.optimizer.schedule=cosine --config.optimizer.learning_rate=2e-3
    python launch/evaluate.py --workdir=runs/chase_ja9 --split=test

18 minutes with all scoring, 1.9 GiB of memory (2026-11-21, two cores of an Intel Xeon with AMX, partly shared; jax
0.10.2). Test, full image, mean over the 8 images: Dice .782 (SD .026), accuracy .973, AUC .985; val Dice .772 at step
2000. Observer 2 against observer 1 on the same images: Dice .798.
"""

from jaxseg import presets


def get_config():
    return presets.chase(attention="ja9")
