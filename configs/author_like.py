"""DRIVE with the choices of the first author's earlier public network wherever the paper states none.

    python launch/train.py --config=configs/author_like.py --config.data.dir=FOLDER --workdir=runs/author_like
    python launch/evaluate.py --workdir=runs/author_like --split=test

Against ``drive_ja9``: batch normalisation and ReLU follow both convolutions of the attention map, and the logits, as
they follow every convolution of that network; the gain of self-attention starts at 1, not 0; the only augmentation is
the random crop. No result yet.

``chase_ja9.py`` shows overrides for two CPU cores.
"""

from jaxseg import presets


def get_config():
    config = presets.drive(attention="ja9")
    config.model.head = "author"
    config.model.attention_options = {"activation": "bn_relu", "map_use_bn": True, "gamma_init": 1.0}
    config.data.augment.flips = False
    config.data.augment.quarter_turns = False
    return config
