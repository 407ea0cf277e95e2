r"""Every system of the one protocol side by side (``jaxseg/protocol.py``), on ISIC-2017, CHASE_DB1 or DRIVE.

    python launch/reproduce.py --study=configs/studies/systems.py:isic-tiny --study.config.data.dir=FOLDER \
        --workdir=studies/systems_isic

The argument behind the file's name is the data (isic, chase or drive) and the budget (small, tiny or parameters).
Fourteen systems, three seeds: 42 runs. With ``drive``, whose present archive has no test labels, set
``--study.config.data.test=4``.
"""

from jaxseg import protocol
from jaxseg.study import study


def get_config(words="isic-small"):
    name, _, budget = words.partition("-")
    models = protocol.models(budget)
    models["denseunet_ja9"] = models.pop("denseunet_ja9")  # the page shows images of the first and the last model
    labels = [f"{name} is rebuilt {system.label}" for name, system in protocol.SYSTEMS.items() if system.label]
    note = f"Attention adds to DenseUNet's budget (docs/systems.md: parameters, operations, time). {'; '.join(labels)}."
    title = f"The systems of one protocol, {name}, budget {budget}"
    return study(title, protocol.data(name), models, seeds=range(3), note=note)
