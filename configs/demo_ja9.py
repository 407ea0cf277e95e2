"""The main job on generated images: DenseUNet with joint attention finds vessels in images it has never seen.

Two CPU cores:

    python launch/train.py --config=configs/demo_ja9.py --workdir=runs/demo_ja9
    python launch/evaluate.py --workdir=runs/demo_ja9 --split=test

Needs no data. The images are generated: they show that everything works, and nothing about patients.
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
