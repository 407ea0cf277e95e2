r"""The paper's supplementary Table 1: DRIVE, DenseUNet alone and with self-, point-wise, joint attention; five seeds.

    python launch/reproduce.py --study=configs/studies/drive_supp1.py --study.config.data.dir=FOLDER \
        --workdir=studies/drive_supp1

The argument ``:reduced``, as in ``drive_supp1.py:reduced``, selects a version for two CPU cores: a smaller network on
smaller crops, the same 20 test images. The present archive has no labels of these: ``--study.config.data.test=4`` takes
four training images as test, whose scores are not comparable with the paper's.
"""

from jaxseg import presets
from jaxseg.study import study


def get_config(scale="paper"):
    config = presets.at(scale, presets.drive("none"))
    title = "DRIVE: attention in the skip connections of DenseUNet"
    return study(title, config, presets.MODELS, seeds=range(5), published="drive_supp1")
