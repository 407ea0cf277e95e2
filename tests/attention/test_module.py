"""The protocol: what arrives at a module, and how the parts of a mechanism come to their numerics."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.attention import Attention, ChannelAttention, ChannelGate, Part, Sequence, SqueezeExcite, build
from jaxseg.attention.mechanisms.pointwise import pwa
from jaxseg.attention.mechanisms.self_attention import sa
from jaxseg.layers import Numerics

X = np.ones((2, 4, 6, 4), np.float32)
LAYERS = {
    **{name: build(name) for name in ("sa", "none", "axial", "ja9")},  # an Attention, Identity, Sequence and Joint
    "channel gate": ChannelGate(),
    "squeeze and excitation": SqueezeExcite(),
    "channel attention": ChannelAttention(),
}
SHAPE = r"valid has shape \(2, 4\) and type bool, and x shape \(2, 4, 6, 4\); give x without its channels, \(2, 4, 6\)"
DTYPE = r"valid has shape \(2, 4, 6\) and type float32, and x shape .*, of type bool"
BATCH = (
    r"x has shape \(4, 6, 4\); give \[batch, \*spatial, channels\]: one image is x\[None\], and a signal \[batch, le"
)


@pytest.mark.parametrize(
    ("x", "valid", "message"),
    [(X, np.ones((2, 4), bool), SHAPE), (X, np.ones((2, 4, 6), np.float32), DTYPE), (X[0], None, BATCH)],
    ids=["shape", "type", "batch"],
)
@pytest.mark.parametrize("name", LAYERS)
def test_what_does_not_fit_is_refused_in_one_line(name, x, valid, message):
    module = LAYERS[name]
    calls = ["__call__", "form"] if hasattr(module, "form") else ["__call__"]
    for method in calls:
        with pytest.raises(ValueError, match=message):
            jax.eval_shape(
                partial(module.init, train=False, method=method, valid=valid), jax.random.key(0), jnp.asarray(x)
            )


def test_parts_compute_as_the_part_around_them():
    module = build("criss_cross", recurrence=2, dtype="bfloat16", axis_name="devices")
    bound = module.bind({})
    assert bound.steps[0].factors.dtype == "bfloat16"
    assert bound.steps[1].output.computes == Numerics("bfloat16", "devices")
    alone, _ = bound.unbind()
    assert alone.computes == Numerics("bfloat16", "devices")


def test_a_part_may_compute_by_its_own_numerics():
    own = Sequence((pwa(), sa().clone(numerics=Numerics("float16"))), numerics=Numerics("bfloat16")).bind({})
    assert [step.factors.dtype for step in own.steps] == ["bfloat16", "float16"]
    assert sa().computes == Numerics()


class Doubled(Part):
    """A part that makes another one in its own code."""

    @nn.compact
    def __call__(self, y, x, *, train):
        return Halved(parent=self, name="half")(y) * 4


class Halved(Part):
    @nn.compact
    def __call__(self, y):
        return nn.Dense(y.shape[-1], dtype=self.dtype)(y) / 2


class Network(nn.Module):
    """What is built here belongs to the network; what a constructor hands on does not."""

    def setup(self):
        self.held = Attention(pwa().factors, Doubled(), numerics=Numerics("bfloat16"))

    @nn.compact
    def __call__(self, x):
        x = build("cbam")(self.held(x, train=False), train=False)
        x = build("ja1", width=3)(build("cbam")(x, train=False), train=False)
        return build("cbam", name="gate")(x, train=False)


def test_parts_belong_to_what_they_are_handed_to():
    y, variables = jax.eval_shape(partial(Network().init_with_output, jax.random.key(0)), X)
    assert y.dtype == jnp.float32
    assert set(variables["params"]) == {"held", "cbam_0", "cbam_1", "ja1_0", "gate"}
    assert set(variables["params"]["held"]) == {"factors", "output"}
    assert set(variables["params"]["held"]["output"]) == {"half"}
    assert set(variables["params"]["ja1_0"]) == {"self_attention", "point_wise"}
