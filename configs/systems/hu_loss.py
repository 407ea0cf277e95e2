"""The loss of Hu et al. (2018), cross entropy without easy pixels, with DenseUNet on DRIVE.

    python launch/train.py --config=configs/systems/hu_loss.py --config.data.dir=FOLDER --workdir=runs/hu_loss
    python launch/evaluate.py --workdir=runs/hu_loss --split=test

Their network (side outputs of a deep one, combined) and the constants of their random field are in no public text, so
this is not their system. The margin and the balancing of classes are guesses (``losses.ImprovedCrossEntropy``). Their
row of DRIVE: accuracy .9533, in the field of view. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.drive("none")
    config.loss.name = "improved_cross_entropy"
    return config
