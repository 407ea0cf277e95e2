"""The walk of Mou et al. (2019), which joins broken vessels, behind DenseUNet on DRIVE.

    python launch/train.py --config=configs/systems/mou_walk.py --config.data.dir=FOLDER --workdir=runs/mou_walk
    python launch/evaluate.py --workdir=runs/mou_walk --split=test

Their network and its Dice loss at several scales are in no public text, so this is not their system: DenseUNet stands
in its place, and the walk follows its threshold. Reach, window and stop are guesses (``metrics.Walk``). Their row of
DRIVE: accuracy .9594, in the field of view. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.drive("none")
    config.eval.reconnect.reach = 12.0
    return config
