"""ISIC-2017 under the one protocol: any system of ``jaxseg/protocol.py``, at one of its budgets.

    python launch/train.py --config=configs/protocol/isic.py:unetpp-tiny --config.data.dir=FOLDER \
        --config.seed=0 --workdir=runs/protocol/isic/unetpp-tiny-0
    python launch/evaluate.py --workdir=runs/protocol/isic/unetpp-tiny-0 --split=test

FOLDER holds the training archives alone; images are resized to 128 x 128. Those of one source are shifted_val and
shifted_test (docs/shift.md), of the others 400 are test and 100 val, drawn at random. Every system sees the same
images in the same order, 2000 steps of batch 4, Adam at 2e-3 with a cosine, cross entropy, and no pretraining; the
checkpoint with the best Dice on val; threshold 0.5.
"""

from jaxseg import protocol


def get_config(system=""):
    return protocol.configured(protocol.data("isic"), system)
