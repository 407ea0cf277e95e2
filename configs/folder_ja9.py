"""Your own images: DenseUNet with joint attention on a folder ``images/ masks/ [fov/]``.

    python launch/train.py --config=configs/folder_ja9.py --config.data.dir=FOLDER --workdir=runs/mine
    python launch/evaluate.py --workdir=runs/mine --split=test

First ``python launch/doctor.py --data_dir=FOLDER``: it reads everything once and says what is wrong.

An image (png, jpg, tif, gif, bmp, ppm, webp) and its mask (a lossless file of 0 and 255, or 0 and 1) have the same
name, up to the ending; or the masks' have one addition, as in ``a_segmentation.png``: it is found, or named by
``data.mask_name="{id}_segmentation"``. Several masks of one image, ``a_mask_1.png`` and on, are united. Images of one
patient stay together by ``groups.txt`` (a line is a name, a comma, the patient) or by ``data.group_pattern``, a regular
expression that finds the patient in a name. Files ``train.txt``, ``val.txt`` and ``test.txt`` may list the names of a
split's images, one per line; without them ``data.test`` images are drawn as test and ``data.holdout`` as val, by
``data.split_seed``.

Images keep their own size, training takes crops of 256 x 256, and scores are those at the images' own size. The loss is
cross entropy and Dice, and a prediction is the mean over four flips of the image: both were selected under domain shift
(docs/shift.md). Flips take four times the time; ``--config.eval.flips=False`` does without. Overrides for two CPU
cores, with crops of 128 x 128:

    --config.model.size=small --config.data.patch_size="(128, 128)"
    --config.train.steps=3000 --config.train.eval_every=500

Large structures, such as skin lesions, may be resized instead: ``--config.data.image_size="(128, 128)"
--config.data.patch_size="()"``. Thin ones, such as vessels, are destroyed by that: a start prints the best Dice that is
left at the images' own size, and the doctor too.
"""

from jaxseg import presets
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
    config.update(presets.SELECTED)
    config.eval.scored_at = "original"
    return config
