"""DRIVE under the one protocol: any system of ``jaxseg/protocol.py``, at one of its budgets.

    python launch/train.py --config=configs/protocol/drive.py:unetpp-tiny --config.data.dir=FOLDER \
        --config.seed=0 --workdir=runs/protocol/drive/unetpp-tiny-0
    python launch/evaluate.py --workdir=runs/protocol/drive/unetpp-tiny-0 --split=test

Every system has the same crops of 128 x 128 in the same order, 2000 steps of batch 4, Adam at 2e-3 with a cosine, cross
entropy, and no pretraining; the checkpoint with the best Dice on val (4 of the 20 training images); threshold 0.5.
Where the archive has no test labels, ``--config.data.test=4`` holds training images out as test.
"""

from jaxseg import protocol


def get_config(system=""):
    return protocol.configured(protocol.data("drive"), system)
