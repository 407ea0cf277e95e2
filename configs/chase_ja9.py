r"""CHASE_DB1 with joint attention JA-9 in the skips of DenseUNet.

    python launch/train.py --config=configs/chase_ja9.py --config.data.dir=FOLDER --workdir=runs/chase_ja9
    python launch/evaluate.py --workdir=runs/chase_ja9 --split=test

CHASE_DB1 is not in the paper; the settings are those of DRIVE: ``jaxseg/presets.py``. In file order the first 20
images train (4 of them are val), the last 8 test. No result yet at this size. Two CPU cores:

    python launch/train.py --config=configs/chase_ja9.py --config.data.dir=FOLDER --workdir=runs/chase_ja9 \
        --config.model.size=small --config.data.patch_size="(192, 192)" --config.train.steps=2000 \
        --config.optimizer.schedule=cosine --config.optimizer.learning_rate=2e-3
    python launch/evaluate.py --workdir=runs/chase_ja9 --split=test

About 70 minutes with all scoring (2026-11-27, one core of an AMD EPYC beside other work, ``train.devices=1``; jax
0.10.2). Test, full image, mean over the 8 images: Dice .784 (SD .026), accuracy .973, AUC .986; val Dice .783 at step
2000. Observer 2 against observer 1 on the same images: Dice .798.

The same command with another loss (the same day and machine, 58 minutes each, one core; an earlier version, whose seed
0 is another start). One run each, threshold 0.5, the checkpoint with the best val Dice of the full image; test, mean
over the 8 images (SD):

    --config.loss.name=...    loss.region    Dice, full image    Dice, field of view    accuracy    AUC     step
    cross_entropy             full           .784 (.026)         .784 (.026)            .973        .986    2000
    dice_ce                   full           .786 (.022)         .786 (.022)            .971        .986    2000
    cross_entropy             fov            .713 (.068)         .765 (.036)            .960        .971    1500

One run of each tells nothing of .784 against .786. With ``loss.region=fov`` nothing tells the network what lies outside
the field of view: it marks the rim as vessel, inside it too.
"""

from jaxseg import presets


def get_config():
    return presets.chase(attention="ja9")
