"""Parameters and multiply-adds of published networks, and of the widths that make them equally costly.

Multiply-adds are those of convolutions and attention that predict one image of 256 x 256.
"""

from typing import NamedTuple

import pytest
from counted import multiply_adds, parameters

from jaxseg import models


class Row(NamedTuple):
    """A published network of two classes and three channels, unless it is said.

    Attributes:
        name: of the network.
        options: its own.
        count: of parameters; None where none is published.
        cost: multiply-adds in thousand millions, with the digits that are published: it is right to half of the last.
        aside: multiply-adds for each pixel that are counted there and do not belong to a prediction here.
        off: by how much the cost may be wrong, where it is more than that.
    """

    name: str
    options: dict
    count: int | None
    cost: str
    aside: float = 0.0
    off: float = 0.0


# The published costs of UNet++ and Vessel-Net have the heads of training alone. W-Net is published with one logit: here
# the second net has 80 + 9 weights for the second one and 9 more, the first 9 more.
SMALL = [
    Row("denseunet", {"size": "small"}, 570_262, "2.145"),
    Row("denseunet", {"size": "tiny"}, 59_906, ".339"),
    Row("unet", {"width": 14}, 1_487_698, "2.33"),
    Row("unet", {"width": 6}, 274_034, ".434"),
    Row("unetpp", {"width": 9}, 717_434, "2.37", 3 * 2 * 9),
    Row("unetpp", {"width": 4}, 142_364, ".474", 3 * 2 * 4),
    Row("attention_unet", {"width": 12}, 1_230_140, "2.36", off=0.006),  # 2.3545 here; what the rest was is not known
    Row("attention_unet", {"width": 6}, 308_753, ".595"),
    Row("r2unet", {"width": 8}, 613_410, "2.39", off=0.0051),  # 2.38499 here
    Row("r2unet", {"width": 4}, 154_098, ".597"),
    Row("nonlocal_unet", {"width": 14, "depth": 5}, 2_030_492, "2.37"),
    Row("nonlocal_unet", {"width": 8, "depth": 5}, 664_202, ".802"),
    Row("nonlocal_unet", {"width": 32}, 653_602, "19.8"),
    Row("vesselnet", {"width": 12}, 179_381, "2.47", 12 * (2 + 2 / 4 + 4 / 16)),
    Row("vesselnet", {"width": 6}, 45_377, ".626", 6 * (2 + 2 / 4 + 4 / 16)),
    Row("vesselnet", {}, 1_266_181, "17.46", 32 * (2 + 2 / 4 + 4 / 16)),
    Row("dacn", {"size": "small"}, 607_388, "4.56"),
    Row("dacn", {"size": "small", "branch": 8}, None, "1.50"),
    Row("wnet", {}, 68_482 + 98, "1.02", -(80 + 8 + 8)),
    Row("wnet", {"nets": 1}, 34_201 + 9, ".507", -8),
]
LARGE = [
    Row("denseunet", {}, 48_840_258, "25.72"),
    # The stem computes one row and one column more, which are cut off.
    Row("hdenseunet", {"num_classes": 3}, 49_527_843, "24.26", -(129**2 - 128**2) * 49 * 3 * 96 / 256**2),
    Row("dacn", {}, 48_895_816, "29.35"),
    Row("attention_unet", {}, 34_878_573 + 65, "66.4", -64),  # published with one class
    Row("r2unet", {}, 39_091_393 + 65, "152.5", -64),
    Row("r2unet", {"turns": 3}, 39_091_393 + 65, "196.0", -64),
    Row("unetpp", {}, 9_046_056, "29.8", 3 * 2 * 32),
]
# FocusNetAlpha maps features on their own grid, where the published code repeats them first.
FOCUSNET = [(1.0, 7_771_723, 24.18), (0.5, 1_984_615, 7.12), (0.25, 511_719, 2.33), (0.125, 137_351, 0.930)]


def first_of_each_network():
    """Return all rows; those after the first of a network are slow."""
    names = [row.name for row in (*SMALL, *LARGE)]
    for place, row in enumerate((*SMALL, *LARGE)):
        default = row in SMALL and row.name not in names[:place]
        yield pytest.param(row, marks=() if default else pytest.mark.slow, id=f"{row.name} {row.cost}")


@pytest.mark.parametrize("row", [*first_of_each_network()])
def test_published_counts(row):
    model = models.build(row.name, **row.options)
    assert row.count in (None, parameters(model))
    digits = len(row.cost.partition(".")[2])
    found = multiply_adds(model) + 256**2 * row.aside / 1e9
    assert found == pytest.approx(float(row.cost), rel=0, abs=row.off or 0.5 * 10**-digits)


@pytest.mark.parametrize(
    ("scale", "count", "cost"), [*(pytest.param(*row, marks=pytest.mark.slow) for row in FOCUSNET[:3]), FOCUSNET[3]]
)
def test_published_counts_of_focusnet(scale, count, cost):
    model = models.build("focusnet", scale=scale)
    assert parameters(model) == count
    widths = [max(4 * round(width * scale / 4), 4) for width in (96, 156, 256)]
    sides = zip((1, 2, 3), widths, (32, 64, 128), strict=True)
    saved = sum((256**2 - (256 >> level) ** 2) * width * hidden for level, width, hidden in sides)
    # Of the maps themselves too: one multiply-add for each hidden channel.
    saved += sum((256**2 - (256 >> level) ** 2) * hidden for level, hidden in ((1, 32), (2, 64), (3, 128)))
    assert multiply_adds(model) + saved / 1e9 == pytest.approx(cost, rel=0.003)


@pytest.mark.parametrize("width", [9, *(pytest.param(width, marks=pytest.mark.slow) for width in (4, 16))])
def test_closed_forms(width):
    w, c, k = width, 3, 2
    assert parameters(models.build("vesselnet", width=w)) == 1231 * w**2 + 176 * w + 5
    assert parameters(models.build("wnet", width=w, nets=1)) == 519 * w**2 + (10 * c + 92 + k) * w + k
    for depth, count in ((3, 635), (4, 2575), (5, 10335)):
        linear = {3: 105, 4: 185, 5: 345}[depth]
        assert (
            parameters(models.build("nonlocal_unet", width=2 * w, depth=depth)) == 4 * count * w**2 + 2 * linear * w + 2
        )


def test_the_published_count_of_the_nonlocal_unet_has_two_global_stages():
    """In three dimensions, 60,672 more; in two the second stage adds its own q, k, v, output and normalisation."""
    one, two = (parameters(models.build("nonlocal_unet", global_ups=stages)) for stages in (1, 2))
    assert two - one == 2 * 64 + (9 * 64 * 32 + 32) + 2 * (64 * 32 + 32) + (32 * 32 + 32)
    assert 2 * 64 + (27 * 64 * 32 + 32) + 2 * (64 * 32 + 32) + (32 * 32 + 32) == 60_672 == 1_821_124 - 1_760_452


@pytest.mark.parametrize(("depth", "cost"), [(1, 0.489), (2, 1.249), (3, 2.452), (4, 4.184)])
def test_published_multiply_adds_of_pruned_unetpp(depth, cost):
    """Of grey images of 96 x 96, with one class where there are two here."""
    found = multiply_adds(models.build("unetpp", depth=depth), (96, 96, 1))
    assert found - 96**2 * 32 / 1e9 == pytest.approx(cost, abs=0.0006)
