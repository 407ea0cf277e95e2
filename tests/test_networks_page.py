"""What docs/networks.md shows is true: its table and its Python."""

import flax.linen as nn
import pytest
from documents import Document, init

from jaxseg import models
from jaxseg.config import defaults, validate

PAGE = Document("docs/networks.md")
NAMES = list(models.MODELS)  # the page itself adds one


@pytest.fixture(scope="module")
def shown():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "MODELS", dict(models.MODELS))
        patch.setattr(nn.Module, "init", init)
        names: dict = {}
        for block in PAGE.blocks("python"):
            exec(block, names)
        names["config"] = defaults()
        names["config"].model.name = "shallow"
        names["valid"] = validate(names["config"])
        yield names


def test_every_network_has_its_row():
    rows = {row["name"].strip("`"): row for row in PAGE.tables() if "name" in row}
    assert list(rows) == NAMES
    for name, row in rows.items():
        assert row["skips at strides"] == ", ".join(map(str, models.build(name).skip_strides))
        assert all(f"`{option}`" in row["options of its own"] for option in models.own_options(name))


def test_the_networks_python_runs(shown):
    assert shown["logits"].shape == (1, 37, 45, 2)
    assert shown["skip"].rows([(36, 44)]).values.shape == (1, 1, 37, 45)
    assert shown["valid"].levels == (0,)  # by name from a config
    assert "auxiliary_coarse" in shown["variables"]["params"]


def test_every_file_that_the_page_names_exists():
    assert not PAGE.missing()
