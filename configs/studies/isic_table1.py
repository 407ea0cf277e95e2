r"""The paper's Table 1: ISIC-2017, DenseUNet alone and with self-, point-wise and joint attention; five seeds.

    python launch/reproduce.py --study=configs/studies/isic_table1.py --study.config.data.dir=FOLDER \
        --workdir=studies/isic_table1

The paper's settings need a GPU. The argument ``:reduced``, as in ``isic_table1.py:reduced``, selects a version for two
CPU cores: FOLDER holds the training archives alone, and 400 of their images are the test, whose scores are not
comparable with the paper's on its own 600. At that scale a step with joint attention takes 1.38 times as long as one
without (44.2 and 32.1 images a second on one core of an AMD EPYC, 2026-11-28), so a fifth model is DenseUNet alone for
the time that DenseUNet-JA takes.
"""

from jaxseg import presets
from jaxseg.study import study

AS_LONG = {"DenseUNet-longer": {"model": {"attention": "none"}, "train": {"steps": 2750, "eval_every": 550}}}


def get_config(scale="paper"):
    reduced = scale == "reduced"
    return study(
        "ISIC-2017: attention in the skip connections of DenseUNet",
        presets.at(scale, presets.isic("none")),
        presets.MODELS | (AS_LONG if reduced else {}),
        seeds=range(5),
        published="" if reduced else "isic_table1",
    )
