r"""CHASE_DB1 by four-fold cross-validation over children: the paper's four models, three seeds.

    python launch/reproduce.py --study=configs/studies/chase.py --study.config.data.dir=FOLDER --workdir=studies/chase

The set is not in the paper. Both eyes of a child are in one fold, each of the 28 images is predicted by the run that
did not see it, and all are scored as one set. The argument ``:reduced`` selects a version for two CPU cores.
"""

from jaxseg import presets
from jaxseg.study import study


def get_config(scale="paper"):
    config = presets.at(scale, presets.chase("none"))
    title = "CHASE_DB1: attention in the skip connections of DenseUNet, four-fold cross-validation"
    return study(title, config, presets.MODELS, seeds=range(3), folds=4)
