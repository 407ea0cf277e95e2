import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes

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


def test_equals_the_layer_table():
    """In plain calls of JAX, in evaluation mode; sides are multiples of 16."""
    model = models.build("attention_unet", width=4)
    images = jnp.asarray(np.random.default_rng(0).normal(size=(1, 48, 32, 3)), jnp.float32)
    variables = fill(shapes(model), seed=1)
    params, stats = variables["params"], variables["batch_stats"]

    def norm(x, of, state):
        return (x - state["mean"]) / jnp.sqrt(state["var"] + 1e-5) * of["scale"] + of["bias"]

    def cbr(x, of, state):
        kernel, bias = of["conv"]["kernel"], of["conv"]["bias"]
        x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias
        return jax.nn.relu(norm(x, of["norm"], state["norm"]))

    def pair(x, name):
        for layer in ("cbr1", "cbr2"):
            x = cbr(x, params[name][layer], stats[name][layer])
        return x

    def gated(level, x, g):
        of, state = params[f"attention{level}"]["factors"], stats[f"attention{level}"]["factors"]
        theta = norm(x @ of["theta"]["kernel"][0, 0] + of["theta"]["bias"], of["theta_norm"], state["theta_norm"])
        phi = norm(g @ of["phi"]["kernel"] + of["phi"]["bias"], of["phi_norm"], state["phi_norm"])
        psi = jax.nn.relu(theta + phi) @ of["psi"]["kernel"] + of["psi"]["bias"]
        return x * jax.nn.sigmoid(norm(psi, of["psi_norm"], state["psi_norm"]))

    x, skips = images, []
    for level in range(5):
        if level:
            x = x.reshape(1, x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).max((2, 4))
        x = pair(x, f"down{level}")
        skips.append(x)
    for level in (3, 2, 1, 0):
        x = cbr(x.repeat(2, 1).repeat(2, 2), params[f"double{level}"]["cbr"], stats[f"double{level}"]["cbr"])
        x = pair(jnp.concatenate([gated(level, skips[level], x), x], -1), f"up{level}")
    head = params["head"]["conv"]
    expected = x @ head["kernel"][0, 0] + head["bias"]
    np.testing.assert_allclose(model.apply(variables, images), expected, atol=1e-5 * float(jnp.abs(expected).max()))
