r"""ISIC-2017 with joint attention JA-9 in the skips of DenseUNet: the paper's DenseUNet-JA.

    python launch/train.py --config=configs/isic_ja9.py --config.data.dir=FOLDER --workdir=runs/isic_ja9
    python launch/evaluate.py --workdir=runs/isic_ja9 --split=test

The paper's settings (100,000 steps of batch 4, on a GPU) and our choices where it is silent: ``jaxseg/presets.py``.
The paper reports Dice .8500, accuracy .9338, which fit means over images (docs/audit.md). No result of ours yet.
Another structure: ``--config.model.attention=ja3``.

Two CPU cores: the argument ``:reduced`` takes DenseUNet ``tiny``, images of 128 x 128, 4000 steps, and the recipe that
was selected under domain shift (docs/shift.md). FOLDER holds the training archives alone; of their images those of one
source are ``shifted_val`` and ``shifted_test``, and of the others 400 are test and 100 val.

    python launch/train.py --config=configs/isic_ja9.py:reduced --config.data.dir=FOLDER --workdir=runs/isic_ja9
    python launch/evaluate.py --workdir=runs/isic_ja9 --split=test

Nine to twelve minutes a seed on one core (2026-11-28, an AMD EPYC, beside another run; jax 0.10.2). Mean of seeds 0 to
2 at 128 x 128, over images: test Dice .891, shifted_test .759; best checkpoint by val. Without attention
(``isic_baseline.py:reduced``) .896 and .780.
"""

from jaxseg import presets


def get_config(scale="paper"):
    return presets.recipe(scale, presets.isic(attention="ja9"))
