r"""What helps on images of another source: training choices, each alone and together.

    python launch/reproduce.py --study=configs/studies/recipe.py --study.config.data.dir=FOLDER \
        --workdir=studies/isic_recipe
    python launch/reproduce.py --study=configs/studies/recipe.py:generated --workdir=studies/generated_recipe

ISIC-2017 at the reduced scale, and generated retinas of which 32 are val, DenseUNet ``tiny`` without attention, three
seeds. Scored on val and shifted_val, which choose; test and shifted_test are scored once, with what was chosen
(docs/shift.md).
"""

from jaxseg import presets
from jaxseg.checks import one_of
from jaxseg.study import study

LIGHT = {"colour": 0.2, "brightness": 0.1, "contrast": 0.2}
GEOMETRY = {"rotate": 45.0, "scale": 0.2}
AUGMENTED = {"data": {"augment": LIGHT | GEOMETRY | {"blur": 1.5}}}
STEPS = {
    "light": {"data": {"augment": LIGHT}},
    "blur": {"data": {"augment": {"blur": 1.5}}},
    "geometry": {"data": {"augment": GEOMETRY}},
    "dice_ce": {"loss": {"name": "dice_ce"}},
    "average": {"train": {"ema_decay": 0.99}},
    "flips": {"eval": {"flips": True}},
}


def get_config(images="isic"):
    one_of("images", images, ("isic", "generated"))
    if images == "isic":
        config = presets.at("reduced", presets.isic("none"))
    else:
        config = presets.demo("none")
        config.data.shift = "camera"
        config.data.synthetic.val = 32
    longer = 2 * config.train.steps
    plainly = {"loss": {"name": "dice_ce"}, "train": {"ema_decay": 0.99, "steps": longer}, "eval": {"flips": True}}
    models = {
        "as it is": {},
        **STEPS,
        "longer": {"train": {"steps": longer}},
        "augmented": AUGMENTED,
        "all": AUGMENTED | plainly,
        "all but augmented": plainly,
    }
    return study("A recipe for another source", config, models, seeds=range(3), splits=("val", "shifted_val"))
