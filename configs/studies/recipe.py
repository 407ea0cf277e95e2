r"""What helps under domain shift: training choices, each alone and together.

    python launch/reproduce.py --study=configs/studies/recipe.py --study.config.data.dir=FOLDER \
        --workdir=studies/isic_recipe
    python launch/reproduce.py --study=configs/studies/recipe.py:generated --workdir=studies/generated_recipe
    python launch/reproduce.py --study=configs/studies/recipe.py:chosen --study.config.data.dir=FOLDER \
        --workdir=studies/isic_chosen

ISIC-2017 at the reduced scale, and generated retinas of which 32 are val, DenseUNet ``tiny`` without attention, three
seeds. val and shifted_val select the choices; ``:chosen`` scores the selected ones once on test and shifted_test,
without and with joint attention (docs/shift.md).
"""

from jaxseg import presets
from jaxseg.checks import one_of
from jaxseg.study import study

JITTER = {"colour": 0.2, "brightness": 0.1, "contrast": 0.2}
ROTATION_AND_ZOOM = {"rotate": 45.0, "scale": 0.2}
AUGMENTATION = {"data": {"augment": JITTER | ROTATION_AND_ZOOM | {"blur": 1.5}}}
STEPS = {
    "colour jitter": {"data": {"augment": JITTER}},
    "blur": {"data": {"augment": {"blur": 1.5}}},
    "rotation and zoom": {"data": {"augment": ROTATION_AND_ZOOM}},
    "CE and Dice": {"loss": {"name": "dice_ce"}},
    "EMA": {"train": {"ema_decay": 0.99}},
    "flips at prediction": {"eval": {"flips": True}},
}


def get_config(which="isic"):
    one_of("the study", which, ("isic", "generated", "chosen"))
    config = _generated() if which == "generated" else presets.at("reduced", presets.isic("none"))
    longer = {"train": {"steps": 2 * config.train.steps}}
    selected = presets.SELECTED | longer
    if which == "chosen":
        models = {"baseline": {}, "selected": selected}
        models["selected with JA-9"] = selected | {"model": {"attention": "ja9"}}
        return study("ISIC-2017: the selected recipe, on test images", config, models, seeds=range(3))
    rest = selected | {"train": longer["train"] | {"ema_decay": 0.99}}
    models = {"baseline": {}, **STEPS, "twice the steps": longer, "all augmentation": AUGMENTATION}
    models |= {"all": AUGMENTATION | rest, "all but augmentation": rest, "selected": selected}
    title = f"{'Generated retinas' if which == 'generated' else 'ISIC-2017'}: what helps under domain shift"
    return study(title, config, models, seeds=range(3), splits=("val", "shifted_val"))


def _generated():
    config = presets.demo("none")
    config.data.shift = "camera"
    config.data.synthetic.val = 32
    return config
