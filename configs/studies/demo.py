r"""Generated images of vessels: DenseUNet alone and with three kinds of attention, two seeds each.

    python launch/reproduce.py --study=configs/studies/demo.py --workdir=studies/demo

Needs no download, and under four minutes on two cores of an AMD EPYC (2026-11-29). It shows what
a study is; its scores say nothing about images of patients.
"""

from jaxseg import presets
from jaxseg.study import study


def get_config():
    config = presets.demo("none")
    config.train.steps = 400
    config.data.shift = "camera"
    return study("Generated vessels: attention in DenseUNet", config, presets.MODELS, seeds=(0, 1))
