from functools import partial

import jax
import numpy as np
import pytest
from recorded import channels_last, recorded

from jaxseg.attention import build

REF = recorded("convolution")
BIAS = {"bias": REF["bias"]}


@pytest.mark.parametrize(
    ("name", "options", "params", "output"),
    [
        ("dilated_conv", {}, {"factors": {"kernel": REF["kernel"].transpose(2, 3, 1, 0)}, "output": BIAS}, "dilated"),
        (
            "depthwise_conv",
            {},
            {"factors": {"kernel": REF["depthwise_kernel"][:, 0].transpose(1, 2, 0)}, "output": BIAS},
            "depthwise",
        ),
        ("average_pool", {}, {}, "pooled"),
        ("average_pool", {"count_padding": True}, {}, "padded"),
    ],
)
def test_it_is_torchs(name, options, params, output):
    with jax.enable_x64(True):
        module = build(name, **options)
        y = jax.jit(partial(module.apply, train=False))({"params": params}, channels_last(REF["x"]))
    np.testing.assert_allclose(y, channels_last(REF[output]), atol=1e-10)


def test_the_average_is_over_the_keys_that_exist():
    x = np.random.default_rng(0).normal(size=(1, 4, 1, 2)).astype(np.float32)
    valid = np.array([True, True, False, True]).reshape(1, 4, 1)
    y = jax.jit(partial(build("average_pool").apply, train=False))({}, x, valid=valid)
    np.testing.assert_allclose(y[0], [x[0, :2].mean(0), x[0, :2].mean(0), x[0, [1, 3]].mean(0), x[0, 3]], atol=1e-6)


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="dilation is 0; it must be at least 1"):
        build("dilated_conv", dilation=0)
    with pytest.raises(ValueError, match="size is 0; it must be at least 1"):
        build("average_pool", size=0)
