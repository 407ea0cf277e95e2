import math

import jax
import pytest
from filling import shapes

from jaxseg import models


def count(**options):
    params = shapes(models.build("attention_unet", **options))["params"]
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(("width", "wanted"), [(8, 547_810), (16, 2_184_758), (32, 8_726_110)])
def test_parameter_counts(width, wanted):
    plain = 8424 * width**2 + (27 + 321 + 2) * width + 2
    gates = 85 * width**2 + 105 * width // 2 + 12
    assert count(width=width) == plain + gates
    assert plain + gates == wanted
    assert count(width=width, attention="pwa", levels=()) == plain


def test_another_mechanism_replaces_the_gates():
    assert models.build("attention_unet", width=4).attention == "attention_gate"
    assert models.build("attention_unet", width=4, attention="ja9").attention == "ja9"
    with pytest.raises(ValueError, match="width"):
        models.build("attention_unet", width=0)
