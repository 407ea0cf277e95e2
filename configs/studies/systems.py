r"""Every system of the one protocol side by side (``jaxseg/protocol.py``), on ISIC-2017, CHASE_DB1 or DRIVE.

    python launch/reproduce.py --study=configs/studies/systems.py:isic-tiny --study.config.data.dir=FOLDER \
        --workdir=studies/systems_isic

The argument behind the file's name is the data (isic, chase or drive) and the budget (small, tiny or parameters).
"""

from jaxseg import protocol
from jaxseg.study import study


def get_config(words="isic-small"):
    name, _, budget = words.partition("-")
    models = protocol.models(budget)
    models["denseunet_ja9"] = models.pop("denseunet_ja9")  # the page shows images of the first and the last model
    return study(f"The systems of one protocol, {name}, budget {budget}", protocol.data(name), models, seeds=range(3))
