r"""The paper's supplementary Fig. 3: ISIC-2017, DenseUNet and its nine joint structures; three seeds.

    python launch/reproduce.py --study=configs/studies/isic_fig3.py --study.config.data.dir=FOLDER \
        --workdir=studies/isic_fig3

The argument ``:reduced`` selects a version for two CPU cores, as in ``isic_table1.py``. The paper prints values for
DenseUNet and JA-9 alone; the others are bars.
"""

from jaxseg import presets
from jaxseg.study import study


def get_config(scale="paper"):
    config = presets.at(scale, presets.isic("none"))
    title = "ISIC-2017: the nine joint structures"
    return study(title, config, presets.JOINT_MODELS, seeds=range(3), published="isic_fig3" if scale == "paper" else "")
