"""Parameters and multiply-adds of published networks, and of the widths that make them equally costly.

Multiply-adds are those of convolutions and attention that predict one image of 256 x 256.
"""

import math

import jax
import jax.numpy as jnp
import pytest
from filling import shapes

from jaxseg import counting, models

# name, options, parameters, multiply-adds in thousand millions. Two classes, three channels.
SMALL = [
    ("denseunet", {"size": "small"}, 570_262, 2.145),
    ("denseunet", {"size": "tiny"}, 59_906, 0.339),
    ("unet", {"width": 14}, 1_487_698, 2.33),
    ("unet", {"width": 6}, 274_034, 0.434),
    ("unetpp", {"width": 9}, 717_434, 2.37),
    ("unetpp", {"width": 4}, 142_364, 0.474),
    ("attention_unet", {"width": 12}, 1_230_140, 2.355),
    ("attention_unet", {"width": 6}, 308_753, 0.595),
    ("r2unet", {"width": 8}, 613_410, 2.39),
    ("r2unet", {"width": 4}, 154_098, 0.597),
    ("nonlocal_unet", {"width": 14, "depth": 5}, 2_030_492, 2.37),
    ("nonlocal_unet", {"width": 8, "depth": 5}, 664_202, 0.802),
    ("nonlocal_unet", {"width": 32}, 653_602, 19.8),
    ("vesselnet", {"width": 12}, 179_381, 2.47),
    ("vesselnet", {"width": 6}, 45_377, 0.626),
    ("vesselnet", {}, 1_266_181, 17.46),
    ("dacn", {"size": "small"}, 607_388, 4.56),
    ("dacn", {"size": "small", "branch": 8}, None, 1.50),
    ("wnet", {}, 68_482 + 98, 1.02),  # published with one logit: here 80 + 9 weights for the second one, and 9
    ("wnet", {"nets": 1}, 34_201 + 9, 0.507),
]
LARGE = [
    ("denseunet", {}, 48_840_258, 25.72),
    ("hdenseunet", {"num_classes": 3}, 49_527_843, 24.26),
    ("dacn", {}, 48_895_816, 29.35),
    ("attention_unet", {}, 34_878_573 + 65, 66.4),  # published with one class
    ("r2unet", {}, 39_091_393 + 65, 152.5),
    ("unetpp", {}, 9_046_056, 29.8),
]
# FocusNetAlpha maps features on their own grid, where the published code repeats them first.
FOCUSNET = [(1.0, 7_771_723, 24.18), (0.5, 1_984_615, 7.12), (0.25, 511_719, 2.33), (0.125, 137_351, 0.930)]


def parameters(model):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes(model)["params"]))


def multiply_adds(model, image=(256, 256, 3)):
    """Of prediction alone; ``summarise`` counts training too, and takes longer."""

    def predicted(variables, image):
        return model.apply(variables, image, train=False)

    shown = jax.ShapeDtypeStruct((1, *image), jnp.float32)
    return counting.count(predicted, shapes(model, shown.shape), shown).products / 1e9


@pytest.mark.parametrize(
    ("name", "options", "count", "cost"), [*SMALL, *(pytest.param(*row, marks=pytest.mark.slow) for row in LARGE)]
)
def test_published_counts(name, options, count, cost):
    model = models.build(name, **options)
    assert count in (None, parameters(model))
    assert multiply_adds(model) == pytest.approx(cost, rel=0.011)


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


@pytest.mark.parametrize("width", [4, 9, 16])
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
