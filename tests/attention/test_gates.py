from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from recorded import channels_last, recorded, variables

from jaxseg.attention import build
from jaxseg.attention.mechanisms.gates import attention_gate, bam, cbam
from jaxseg.layers import conv

# The layers' paths here, and their names in the public code.
CBAM = {
    "factors/map": "SpatialGate.spatial.conv",
    "factors/norm": "SpatialGate.spatial.bn",
    "factors/channel/reduce": "ChannelGate.mlp.1",
    "factors/channel/expand": "ChannelGate.mlp.3",
}
BAM = {
    "factors/reduce": "spatial_att.gate_s.gate_s_conv_reduce0",
    "factors/reduce_norm": "spatial_att.gate_s.gate_s_bn_reduce0",
    "factors/context0": "spatial_att.gate_s.gate_s_conv_di_0",
    "factors/context0_norm": "spatial_att.gate_s.gate_s_bn_di_0",
    "factors/context1": "spatial_att.gate_s.gate_s_conv_di_1",
    "factors/context1_norm": "spatial_att.gate_s.gate_s_bn_di_1",
    "factors/map": "spatial_att.gate_s.gate_s_conv_final",
    "factors/channel_reduce": "channel_att.gate_c.gate_c_fc_0",
    "factors/channel_norm": "channel_att.gate_c.gate_c_bn_1",
    "factors/channel_map": "channel_att.gate_c.gate_c_fc_final",
}
GRID = {"factors/theta": "theta", "factors/phi": "phi", "factors/psi": "psi", "output/w_z": "W.0", "output/norm": "W.1"}
ONE_BY_ONE = {
    "factors/theta": "W_x.0",
    "factors/theta_norm": "W_x.1",
    "factors/phi": "W_g.0",
    "factors/phi_norm": "W_g.1",
    "factors/psi": "psi.0",
    "factors/psi_norm": "psi.1",
}
COMBINED = partial(bam, reduction=2, dilations=(3, 3))
LEE = partial(attention_gate, sub_sample=1, use_bn=True, project=False)


def of_layers(module, ref, layers, x, gate=None):
    """Return the variables of ``module`` from recorded weights."""
    return variables(jax.eval_shape(partial(module.init, train=False), jax.random.key(0), x, gate=gate), ref, layers)


@pytest.mark.parametrize(
    ("name", "layers", "outputs"),
    [
        ("cbam", CBAM, {"whole": cbam(channel=True, reduction=2), "spatial": cbam()}),
        ("bam", BAM, {"product": COMBINED(channel="product"), "sum": COMBINED(channel="sum"), "spatial": COMBINED()}),
        ("attention_gate", GRID, {"y": attention_gate(), "corners": attention_gate(align_corners=True)}),
        ("attention_gate_1x1", ONE_BY_ONE, {"y": LEE()}),
    ],
)
def test_the_public_code_agrees(name, layers, outputs):
    ref = recorded(name)
    whole = next(iter(outputs.values()))

    def run(weights, x, gate):
        ys = {key: module.apply(weights, x, train=False, gate=gate) for key, module in outputs.items()}
        ys["train"], state = whole.apply(weights, x, train=True, gate=gate, mutable=["batch_stats"])
        return ys, state["batch_stats"], whole.apply(weights, x, gate=gate, method="form")

    with jax.enable_x64(True):
        x, gate = (channels_last(ref[key]) if key in ref else None for key in ("x", "gate"))
        ys, statistics, form = jax.jit(run)(of_layers(whole, ref, layers, x, gate), x, gate)
        for key, y in ys.items():
            np.testing.assert_allclose(y, channels_last(ref[key]), atol=1e-10, err_msg=key)
    # The form is the gate itself: one head, or for BAM's two branches one a channel.
    w = form.score.w
    assert w.shape[2:] == ((4, 1) if name == "bam" else (1, 1))
    if name == "cbam":
        np.testing.assert_allclose(statistics["factors"]["norm"]["mean"], ref["next_mean"], rtol=1e-6)
    if name == "bam":
        np.testing.assert_allclose(w[..., 0].reshape(x.shape) * x, ys["product"], atol=1e-6)
    if name == "attention_gate":
        np.testing.assert_allclose(w[:, :, 0, 0], ref["weights"].reshape(2, -1), atol=1e-10)


def test_the_batch_normalisation_of_cbam_is_optional_and_may_start_at_zero():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 4, 5, 3)), jnp.float32)
    paper, code = cbam(use_bn=False), cbam(gamma_init=0.0)

    @jax.jit
    def run(x):
        y, variables = paper.init_with_output(jax.random.key(0), x, train=False)
        pair = jnp.stack([x.max(-1), x.mean(-1)], -1)
        gate = nn.sigmoid(conv(pair, variables["params"]["factors"]["map"]["kernel"]))
        return y, gate * x, code.init_with_output(jax.random.key(0), x, train=False)[0]

    y, formula, halved = run(x)
    np.testing.assert_allclose(y, formula, atol=1e-6)
    np.testing.assert_allclose(halved, x / 2, atol=1e-6)


def test_the_frame_changes_no_gate_of_a_coarser_grid():
    rng, module = np.random.default_rng(0), attention_gate()
    x, gate = (jnp.asarray(rng.normal(size=(2, *grid, 3)), jnp.float32) for grid in ((5, 7), (3, 4)))
    valid = jnp.zeros((2, 8, 10), bool).at[:, :5, :7].set(True)
    framed, framed_gate = (
        jnp.pad(a, ((0, 0), (0, more), (0, more), (0, 0)), constant_values=9.0) for a, more in ((x, 3), (gate, 1))
    )
    weights = random_variables(module, x)
    run = jax.jit(partial(module.apply, train=False))
    y = run(weights, framed, gate=framed_gate, valid=valid)
    np.testing.assert_allclose(y[:, :5, :7], run(weights, x, gate=gate), atol=1e-5)


@pytest.mark.parametrize("bias", [0.0, 1.3])
@pytest.mark.parametrize("sub_sample", [1, 2])
def test_a_gate_whose_map_is_its_bias_scales_x_by_its_sigmoid(bias, sub_sample):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 5, 4, 3)), jnp.float32)
    module = build("attention_gate", sub_sample=sub_sample, project=False)
    weights = random_variables(module, x)
    psi = weights["params"]["factors"]["psi"]
    psi |= {"kernel": jnp.zeros_like(psi["kernel"]), "bias": jnp.full_like(psi["bias"], bias)}
    y = module.apply(weights, x, train=False, gate=2 * x)
    np.testing.assert_allclose(y, x / (1 + np.exp(-bias)), rtol=1e-6)


def test_without_a_gate_x_gates_itself():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 4, 5, 3)), jnp.float32)
    module = build("attention_gate")
    run = jax.jit(lambda weights, gates: [module.apply(weights, x, train=False, gate=gate) for gate in gates])
    alone, own, other = run(random_variables(module, x), (None, x, 2 * x))
    np.testing.assert_array_equal(alone, own)
    assert np.abs(own - other).max() > 1e-3


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="pool is 'mean'; choose one of avg, max, lp, lse"):
        cbam(pools=["mean"])
    with pytest.raises(ValueError, match="channel is 'both'; choose one of none, product, sum"):
        bam(channel="both")
    with pytest.raises(ValueError, match="dilations is 0; it must be at least 1"):
        bam(dilations=(2, 0))
    with pytest.raises(ValueError, match="sub_sample is 0; it must be at least 1"):
        attention_gate(sub_sample=0)
    with pytest.raises(ValueError, match="gate has 1 spatial dimensions and x 2; they must agree"):
        attention_gate().init(jax.random.key(0), jnp.zeros((1, 2, 2, 3)), train=False, gate=jnp.zeros((1, 2, 3)))
