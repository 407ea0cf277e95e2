r"""Generated images of vessels: DenseUNet alone and with three kinds of attention, two seeds each.

    python launch/reproduce.py --study=configs/studies/demo.py --workdir=studies/demo

Needs no download, and under four minutes on two cores of an AMD EPYC (2026-11-29). DenseUNet ``tiny``, images of 96 x
96, 400 steps, the better of two checkpoints by val.
"""

from jaxseg import presets
from jaxseg.study import study


def get_config():
    config = presets.demo("none")
    config.train.steps = 400
    config.data.shift = "camera"
    note = "Generated images: the scores say nothing about images of patients."
    return study("Generated vessels: attention in DenseUNet", config, presets.MODELS, seeds=(0, 1), note=note)
