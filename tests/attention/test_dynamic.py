from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from recorded import channels_last, linear, norm, of_signals, recorded

from jaxseg.attention import build


def test_involution_is_its_authors():
    ref = recorded("involution")
    scales, statistics = norm(ref, "conv1.norm.0")
    factors = {"reduce": linear(ref, "conv1.conv"), "norm": scales, "span": linear(ref, "conv2.conv")}
    variables = {"params": {"factors": factors}, "batch_stats": {"factors": {"norm": statistics}}}
    module = build("involution", size=3)  # 32 channels: two groups
    with jax.enable_x64(True):
        x = channels_last(ref["x"])
        y = jax.jit(partial(module.apply, train=False))(variables, x)
        np.testing.assert_allclose(y, channels_last(ref["y"]), atol=1e-10)
        y, _ = jax.jit(partial(module.apply, train=True, mutable=["batch_stats"]))(variables, x)
    np.testing.assert_allclose(y, channels_last(ref["train"]), atol=1e-10)


@pytest.mark.parametrize(
    ("name", "options", "output"),
    [
        ("dynamic_conv", {}, "y"),
        ("dynamic_conv", {"renormalise": True}, "renormalised"),
        ("lightweight_conv", {"dynamic": False, "glu": False}, "y"),
    ],
)
def test_dynamic_convolution_is_fairseqs(name, options, output):
    ref = recorded(name)
    taps = ref["conv.weight"][:, 0] if name == "lightweight_conv" else linear(ref, "conv.weight_linear")
    factors = {"value": linear(ref, "linear1"), "taps": taps}
    params = {"factors": factors, "output": {"w_z": linear(ref, "linear2")}}
    with jax.enable_x64(True):
        x = jnp.asarray(ref["x"].swapaxes(0, 1))  # of length x batch x channels
        y = jax.jit(partial(of_signals, build("dynamic_conv", heads=2, **options)))(params, x)
    np.testing.assert_allclose(y, ref[output].swapaxes(0, 1), atol=1e-10)


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="reduction is 0; it must be at least 1"):
        build("involution", reduction=0)
    with pytest.raises(ValueError, match="groups is 3, which does not divide the 8 channels of x; take a divisor"):
        random_variables(build("involution", groups=3), np.ones((1, 4, 4, 8)))
