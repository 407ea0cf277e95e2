r"""The paper's Table 1: ISIC-2017, DenseUNet alone and with self-, point-wise and joint attention; five seeds.

    python launch/reproduce.py --study=configs/studies/isic_table1.py --study.config.data.dir=FOLDER \
        --workdir=studies/isic_table1

The paper's settings want a GPU. Two CPU cores take the words ``:reduced`` behind the file's name; there 400 of the
training images are the test, which do not stand beside the paper's: its 600 test images come from other sources.
"""

from jaxseg import presets
from jaxseg.study import study


def get_config(scale="paper"):
    config = presets.at(scale, presets.isic("none"))
    title = "ISIC-2017: attention in the skip connections of DenseUNet"
    return study(title, config, presets.MODELS, seeds=range(5), published="isic_table1" if scale == "paper" else "")
