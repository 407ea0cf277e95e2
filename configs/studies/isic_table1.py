r"""The paper's Table 1: ISIC-2017, DenseUNet alone and with self-, point-wise and joint attention; five seeds.

    python launch/reproduce.py --study=configs/studies/isic_table1.py --study.config.data.dir=FOLDER \
        --workdir=studies/isic_table1

The paper's settings need a GPU. The argument ``:reduced``, as in ``isic_table1.py:reduced``, selects a version for two
CPU cores: FOLDER holds the training archives alone, and 400 of their images are the test, whose scores are not
comparable with the paper's on its own 600.

All models take the same number of steps. A step with joint attention takes 1.38 times as long as one without at the
reduced scale (44.2 and 32.1 images a second on one core of an AMD EPYC, 2026-11-28): with ``:equal_time`` DenseUNet
alone trains for the time of DenseUNet-JA's 2000 steps, and the two are compared.
"""

from jaxseg import presets
from jaxseg.study import study

AS_LONG = {"model": {"attention": "none"}, "train": {"steps": 2750, "eval_every": 550}}


def get_config(scale="paper"):
    title, models = "ISIC-2017: attention in the skip connections of DenseUNet", presets.MODELS
    if scale == "equal_time":
        scale, title = "reduced", f"{title}, equal time"
        models = {"DenseUNet-longer": AS_LONG, "DenseUNet-JA": presets.MODELS["DenseUNet-JA"]}
    config = presets.at(scale, presets.isic("none"))
    return study(title, config, models, seeds=range(5), published="" if scale == "reduced" else "isic_table1")
