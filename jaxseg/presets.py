"""The paper's experiments as settings; the files in ``configs/`` name them and keep their records."""

from __future__ import annotations

from jaxseg.checks import one_of
from jaxseg.config import Settings, defaults

# The paper's models, as its tables name them, and what each changes in a config (Table 1, supplementary Table 1).
MODELS = {
    f"DenseUNet{suffix}": {"model": {"attention": attention}}
    for suffix, attention in {"": "none", "-SA": "sa", "-PWA": "pwa", "-JA": "ja9"}.items()
}
# Those of supplementary Fig. 3: the baseline and the nine joint structures.
JOINT_MODELS = {"DenseUNet": MODELS["DenseUNet"]} | {
    f"JA-{k}": {"model": {"attention": f"ja{k}"}} for k in range(1, 10)
}

SCALES = ("paper", "reduced")

# The recipe selected under domain shift, beside twice the steps (docs/shift.md).
SELECTED = {"loss": {"name": "dice_ce"}, "eval": {"flips": True}}


def demo(attention: str) -> Settings:
    """Generated images of vessels, and a network that learns them on two cores in minutes."""
    config = defaults()
    config.model.size = "tiny"
    config.model.attention = attention
    config.data.augment.flips = True
    config.data.augment.quarter_turns = True
    config.train.steps = 800
    config.train.log_every = 20
    config.train.eval_every = 200
    config.optimizer.schedule = "cosine"
    config.optimizer.learning_rate = 3e-3
    return config


def drive(attention: str) -> Settings:
    """DRIVE: retinal vessels, 20 images of 584 x 565 to train on and 20 to test (paper, section 3)."""
    config = _retina("drive", attention)
    config.data.dir = "data/DRIVE"
    return config


def chase(attention: str) -> Settings:
    """CHASE_DB1: retinal vessels, 28 images of 960 x 999; trained as DRIVE is (the paper has no such experiment)."""
    config = _retina("chase_db1", attention)
    config.data.dir = "data/CHASE_DB1"
    return config


def isic(attention: str) -> Settings:
    """ISIC-2017: skin lesions, 2000, 150 and 600 images resized to 256 x 256 (paper, section 3), not augmented."""
    config = defaults()
    config.model.attention = attention
    config.data.name = "isic2017"
    config.data.dir = "data/ISIC-2017"
    config.data.image_size = (256, 256)
    config.train.steps = 100_000  # supplement, section 1
    return config


def reduced(config: Settings) -> Settings:
    """Return an experiment of this file, changed to a cost that two cores bear: minutes a run.

    ISIC-2017 at 128 x 128, photographs of retinas in crops of 128 x 128, 2000 steps, flips and quarter turns, a cosine
    from 2e-3. Of ISIC-2017 the folder holds the training images alone: those of one source are the shifted splits,
    and of the others 400 are test and 100 val.
    """
    config.train.steps = 2000
    config.train.eval_every = 500
    config.data.augment.flips = True
    config.data.augment.quarter_turns = True
    config.optimizer.schedule = "cosine"
    config.optimizer.learning_rate = 2e-3
    if config.data.name == "isic2017":
        config.data.update(dict(image_size=(128, 128), test=400, holdout=100, shift="late_ids"))
    else:
        config.data.patch_size = (128, 128)
    return config


def recipe(scale: str, config: Settings) -> Settings:
    """Return an experiment at a scale to train by: "reduced" with the recipe selected under domain shift."""
    config = at(scale, config)
    if scale == "reduced":
        config.update(SELECTED)
        config.train.steps *= 2
    return config


def at(scale: str, config: Settings) -> Settings:
    """Return an experiment at a scale to compare models at: "paper", as it is, or "reduced", with ``tiny``."""
    one_of("the scale", scale, SCALES)
    if scale == "reduced":
        config = reduced(config)
        config.model.size = "tiny"
    return config


def _retina(name: str, attention: str) -> Settings:
    config = defaults()
    config.model.attention = attention
    config.data.name = name
    # Paper: not stated. Crops with the eight symmetries of the square: 60k steps of 4 whole images would show each of
    # the 20 images 12,000 times.
    config.data.patch_size = (256, 256)
    config.data.augment.flips = True
    config.data.augment.quarter_turns = True
    config.data.holdout = 4  # Paper: no validation set. These pick the checkpoint, so that the test images need not.
    config.train.steps = 60_000  # supplement, section 1
    return config
