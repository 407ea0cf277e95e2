"""The paper's experiments as settings; the files in ``configs/`` name them and keep their records."""

from __future__ import annotations

from jaxseg.config import Settings, defaults


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
