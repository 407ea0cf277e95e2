r"""ISIC-2017 with joint attention JA-9 in the skips of DenseUNet: the paper's DenseUNet-JA.

    python launch/train.py --config=configs/isic_ja9.py --config.data.dir=FOLDER --workdir=runs/isic_ja9
    python launch/evaluate.py --workdir=runs/isic_ja9 --split=test

The paper's settings (100,000 steps of batch 4, on a GPU) and our choices where it is silent: ``jaxseg/presets.py``.
The paper reports, as means over images: Dice .8500, accuracy .9338. No result of ours yet.
Another structure: ``--config.model.attention=ja3``.

Two CPU cores, with the training images alone, 400 of them held out as test and 100 as val:

    python launch/train.py --config=configs/isic_ja9.py --config.data.dir=FOLDER --workdir=runs/isic_ja9 \
        --config.model.size=small --config.data.image_size="(128, 128)" --config.data.test=400 \
        --config.data.holdout=100 --config.data.augment.flips=True --config.data.augment.quarter_turns=True \
        --config.train.steps=5000 --config.train.eval_every=1000 \
        --config.optimizer.schedule=cosine --config.optimizer.learning_rate=2e-3
    python launch/evaluate.py --workdir=runs/isic_ja9 --split=test

About 80 minutes with all scoring (2026-11-27, one core of an AMD EPYC beside other work, ``train.devices=1``; jax
0.10.2). Test, at 128 x 128, mean over the 400 images: Dice .885 (SD .138), Jaccard .815, accuracy .964, AUC .994; best
checkpoint: step 5000, val Dice .864.
"""

from jaxseg import presets


def get_config(scale="paper"):
    return presets.recipe(scale, presets.isic(attention="ja9"))
