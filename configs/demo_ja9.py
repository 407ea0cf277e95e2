"""Generated images of vessels: DenseUNet with joint attention JA-9 in its skips learns to segment them.

Two CPU cores:

    python launch/train.py --config=configs/demo_ja9.py --workdir=runs/demo_ja9
    python launch/evaluate.py --workdir=runs/demo_ja9 --split=test

Needs no download. The scores show that the installation works; they say nothing about images of patients.
"""

from jaxseg.config import defaults


def get_config():
    config = defaults()
    config.model.size = "tiny"
    config.model.attention = "ja9"
    config.data.augment.flips = True
    config.data.augment.quarter_turns = True
    config.train.steps = 800
    config.train.log_every = 20
    config.train.eval_every = 200
    config.optimizer.schedule = "cosine"
    config.optimizer.learning_rate = 3e-3
    return config
