from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from recorded import channels_last, recorded

from jaxseg.attention import build
from jaxseg.attention.mechanisms.deformable import corners

REF = recorded("deformable")


def layer(name, channels=None):
    return {"kernel": REF[name].transpose(2, 3, 1, 0)[..., :channels], "bias": np.zeros(len(REF[name][:channels]))}


@pytest.mark.parametrize(
    ("output", "options"),
    [("v1", {"modulated": False}), ("v2", {}), ("v2 groups", {"groups": 2}), ("v2 dilated", {"dilation": 2})],
)
def test_it_is_torchvisions(output, options):
    taps = options.get("groups", 1) * 9
    factors = {"kernel": layer("kernel")["kernel"], "offset": layer("offset", 2 * taps)}
    factors |= {"modulation": layer("mask", taps)} if options.get("modulated", True) else {}
    module, params = build("deformable_conv", **options), {"factors": factors, "output": {"bias": REF["bias"]}}
    with jax.enable_x64(True):
        y = jax.jit(partial(module.apply, train=False))({"params": params}, channels_last(REF["x"]))
    np.testing.assert_allclose(y, channels_last(REF[output]), atol=1e-10)


@pytest.mark.parametrize("grid", [(4, 5), (3, 2, 4)])
def test_corners_interpolate_linearly_and_fade_out_beyond_the_border(grid):
    rng = np.random.default_rng(0)
    image, place = rng.normal(size=grid), rng.uniform(-2, np.array(grid) + 1.0, size=(1, 50, 1, len(grid)))
    place[0, 0] = 1e12
    j, ok, w = (np.asarray(a) for a in corners(jnp.asarray(place, jnp.float32), grid))
    read = np.where(ok, w * image.ravel()[j], 0).sum(-1)[0, :, 0]
    for p, value in zip(place[0, :, 0], read, strict=True):
        hats = [np.maximum(1 - np.abs(p[axis] - np.arange(side)), 0) for axis, side in enumerate(grid)]
        truth = image
        for hat in hats:
            truth = np.tensordot(hat, truth, 1)
        np.testing.assert_allclose(value, truth, atol=1e-5)


def test_it_starts_as_half_a_convolution():
    x, kernel = np.random.default_rng(0).normal(size=(1, 4, 3, 2)), np.ones((3, 3, 2, 2))
    module = build("deformable_conv")
    variables = jax.tree.map(np.zeros_like, random_variables(module, x))
    variables["params"]["factors"]["kernel"] = kernel
    convolution = build("conv3x3", use_bias=False).apply({"params": {"factors": {"kernel": kernel}}}, x, train=False)
    y = jax.jit(partial(module.apply, train=False))(variables, x)
    np.testing.assert_allclose(y, convolution / 2, atol=1e-5)


def test_places_are_exact_in_bfloat16():
    x = jnp.zeros((1, 1, 300, 1), jnp.bfloat16)
    module = build("deformable_conv", dtype=jnp.bfloat16)
    variables = jax.tree.map(np.zeros_like, random_variables(module, x))
    j, ok = module.apply(variables, x, method="form").support.at(jnp.array([297]))
    assert set(np.asarray(j)[np.asarray(ok)]) == {296, 297, 298, 299}


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="groups is 0; it must be at least 1"):
        build("deformable_conv", groups=0)
    with pytest.raises(ValueError, match="groups is 2, which does not divide the 3 channels of x"):
        random_variables(build("deformable_conv", groups=2), np.ones((1, 4, 4, 3)))
