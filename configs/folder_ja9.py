"""Your own images: DenseUNet with joint attention on a folder ``images/ masks/ [fov/]``.

    python launch/train.py --config=configs/folder_ja9.py --config.data.dir=FOLDER --workdir=runs/mine
    python launch/evaluate.py --workdir=runs/mine --split=test

An image (png, jpg, tif, gif, bmp) and its mask (a lossless file of 0 and 255, or 0 and 1) have the same name, up to the
ending. Files ``train.txt``, ``val.txt`` and ``test.txt`` may list the names of a split's images, one per line; without
them ``data.test`` images are drawn as test and ``data.holdout`` as val, by ``data.split_seed``. Overrides for two CPU
cores, with images resized to 128 x 128:

    --config.model.size=small --config.data.image_size="(128, 128)" --config.data.patch_size="()"
    --config.train.steps=3000 --config.train.eval_every=500
"""

from jaxseg.config import defaults


def get_config():
    config = defaults()
    config.model.attention = "ja9"
    config.data.name = "folder"
    config.data.patch_size = (256, 256)
    config.data.holdout = 4
    config.data.test = 4
    config.data.augment.flips = True
    config.data.augment.quarter_turns = True
    config.train.steps = 20_000
    return config
