r"""What helps on images of another source: training choices, each alone and together.

    python launch/reproduce.py --study=configs/studies/recipe.py --study.config.data.dir=FOLDER \
        --workdir=studies/isic_recipe
    python launch/reproduce.py --study=configs/studies/recipe.py:generated --workdir=studies/generated_recipe
    python launch/reproduce.py --study=configs/studies/recipe.py:chosen --study.config.data.dir=FOLDER \
        --workdir=studies/isic_chosen

ISIC-2017 at the reduced scale, and generated retinas of which 32 are val, DenseUNet ``tiny`` without attention, three
seeds. Scored on val and shifted_val, which choose. ``chosen`` scores on test and shifted_test what they chose, without
and with joint attention (docs/shift.md).
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


def get_config(which="isic"):
    one_of("the study", which, ("isic", "generated", "chosen"))
    config = _generated() if which == "generated" else presets.at("reduced", presets.isic("none"))
    longer = {"train": {"steps": 2 * config.train.steps}}
    pays = presets.PAYS | longer
    if which == "chosen":
        models = {"as it is": {}, "what pays": pays, "and JA-9": pays | {"model": {"attention": "ja9"}}}
        return study("ISIC-2017: what was chosen, on test images", config, models, seeds=range(3))
    rest = pays | {"train": longer["train"] | {"ema_decay": 0.99}}
    models = {"as it is": {}, **STEPS, "longer": longer, "augmented": AUGMENTED}
    models |= {"all": AUGMENTED | rest, "all but augmented": rest, "what pays": pays}
    title = f"{'Generated retinas' if which == 'generated' else 'ISIC-2017'}: what helps on images of another source"
    return study(title, config, models, seeds=range(3), splits=("val", "shifted_val"))


def _generated():
    config = presets.demo("none")
    config.data.shift = "camera"
    config.data.synthetic.val = 32
    return config
