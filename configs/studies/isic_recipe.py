r"""What helps on lesions of another source: steps of a recipe, each alone and all together, chosen by val alone.

    python launch/reproduce.py --study=configs/studies/isic_recipe.py --study.config.data.dir=FOLDER \
        --workdir=studies/isic_recipe

ISIC-2017 at the reduced scale, DenseUNet ``tiny`` without attention, three seeds. Scored on val and shifted_val: test
and shifted_test are for the recipe that these choose (docs/shift.md).
"""

from jaxseg import presets
from jaxseg.study import study

LIGHT = {"colour": 0.2, "brightness": 0.1, "contrast": 0.2}
GEOMETRY = {"rotate": 45.0, "scale": 0.2}
STEPS = {
    "light": {"data": {"augment": LIGHT}},
    "blur": {"data": {"augment": {"blur": 1.5}}},
    "geometry": {"data": {"augment": GEOMETRY}},
    "dice_ce": {"loss": {"name": "dice_ce"}},
    "average": {"train": {"ema_decay": 0.99}},
    "flips": {"eval": {"flips": True}},
    "longer": {"train": {"steps": 4000}},
}


def get_config():
    models = {"as it is": {}} | STEPS
    models["augmented"] = {"data": {"augment": LIGHT | GEOMETRY | {"blur": 1.5}}}
    models["all"] = models["augmented"] | {
        "loss": {"name": "dice_ce"}, "train": {"ema_decay": 0.99, "steps": 4000}, "eval": {"flips": True}
    }  # fmt: skip
    config = presets.at("reduced", presets.isic("none"))
    return study("A recipe for another source", config, models, seeds=range(3), splits=("val", "shifted_val"))
