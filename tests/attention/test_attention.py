from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables

from jaxseg.attention import MECHANISMS, build

FAMILIES = ["none", "pwa", "pwa_linear", "conv3x3", "sa", "nonlocal_gaussian", "nonlocal_concat", "ja4", "ja9"]
FRAMED = [
    *("conv3x3", "nonlocal_gaussian", "ja9", "attention_gate", "bam"),
    *("deformable_conv", "efficient_attention", "swin", "psa_distribute"),
]
NAMES = [
    *("none", "pwa", "sa", "pwa_linear", "cbam", "bam", "attention_gate"),
    *("conv1x1", "conv3x3", "dilated_conv", "depthwise_conv", "average_pool"),
    *("nonlocal_gaussian", "nonlocal_embedded", "nonlocal_dot", "nonlocal_concat"),
    *("danet", "criss_cross", "axial", "swin", "neighborhood", "deformable_conv", "involution", "dynamic_conv"),
    *("psa_collect", "psa_distribute", "generalized", "key_only"),
    *("multi_head", "linear_attention", "efficient_attention"),
    *(f"ja{k}" for k in range(1, 10)),
    *("ja3b", "ja4b", "ja6b", "ja9b", "ja_p1", "ja_p2", "ja_p3"),
]
X = np.random.default_rng(0).normal(size=(2, 4, 6, 4)).astype(np.float32)


def test_the_names():
    assert sorted(MECHANISMS) == sorted(NAMES)
    assert all(constructor.__doc__ for constructor in MECHANISMS.values())


def test_none_is_the_identity():
    x = jnp.asarray(X)
    assert build("none").apply({}, x, train=True) is x


@pytest.mark.parametrize(
    ("grid", "dtype"), [pytest.param((5, 1), jnp.float32, marks=pytest.mark.slow), ((3, 2), jnp.bfloat16)]
)
def test_every_name_keeps_shape_and_type_and_float32_parameters(grid, dtype):
    x = jax.ShapeDtypeStruct((2, *grid, 3), dtype)
    for name in MECHANISMS:
        module = build(name, dtype=dtype)
        y, variables = jax.eval_shape(partial(module.init_with_output, train=False), jax.random.key(0), x)
        assert (y.shape, y.dtype) == (x.shape, dtype), name
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables)), name


@pytest.mark.parametrize("name", FRAMED)
def test_padding_that_is_masked_changes_nothing(name):
    module, x = build(name), jnp.asarray(X)
    variables = random_variables(module, X)
    # What earlier layers leave in the padding is not zero.
    padded = jnp.pad(x, ((0, 0), (0, 3), (0, 2), (0, 0)), constant_values=7.0)
    valid = jnp.zeros(padded.shape[:3], bool).at[:, :4, :6].set(True)
    y, framed = jax.jit(lambda v: [module.apply(v, x, train=False), module.apply(v, padded, train=False, valid=valid)])(
        variables
    )
    np.testing.assert_allclose(framed[:, :4, :6], y, atol=2e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_computes_and_float32_keeps(name):
    options = {"dtype": jnp.bfloat16}
    module, x = build(name, **options), jnp.asarray(X, jnp.bfloat16)
    variables = random_variables(module, X)
    narrow = jax.jit(partial(module.apply, train=False))(variables, x)
    wide = jax.jit(partial(build(name).apply, train=False))(variables, jnp.asarray(X))
    assert narrow.dtype == jnp.bfloat16
    np.testing.assert_allclose(narrow.astype(np.float32), wide, atol=0.05 * np.abs(wide).max())


def test_batch_statistics_are_shared_over_the_named_axis():
    module, x = build("ja9", axis_name="devices", map_use_bn=True), jnp.asarray(X)
    variables = random_variables(module, X)
    train = partial(module.apply, variables, train=True, mutable=["batch_stats"])
    y, state = jax.jit(jax.vmap(train, axis_name="devices"))(x[:, None])
    alone, state_alone = jax.jit(
        partial(build("ja9", map_use_bn=True).apply, variables, train=True, mutable=["batch_stats"])
    )(x)
    np.testing.assert_allclose(y[:, 0], alone, atol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b, atol=1e-5), state, state_alone)


def test_a_mechanism_lives_in_any_network():
    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = build("ja9", width=4)(x, train=False)
            return build("sa")(x, train=False)

    variables = jax.eval_shape(Network().init, jax.random.key(0), jnp.asarray(X))
    assert set(variables["params"]) == {"ja9_0", "sa_0"}
    assert set(variables["params"]["ja9_0"]) == {"self_attention", "point_wise"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ja10", {}, r"attention is 'ja10' \(did you mean 'ja1'\?\); choose one of none, pwa"),
        ("zzz", {}, "attention is 'zzz'; choose one of none"),
        ("pwa", {"activaton": "relu"}, r"'pwa' has no option 'activaton' \(did you mean 'activation'\?\); it takes"),
        (
            "ja9",
            {"activatio": "relu"},
            r"'ja9' has no option 'activatio' \(did you mean 'activation'\?\); it takes pairw",
        ),
        ("nonlocal_dot", {"pairwise": "concat"}, "'nonlocal_dot' has no option 'pairwise'"),
        ("none", {"width": 3}, "'none' has no option 'width'; it takes none"),
    ],
)
def test_typos_are_told(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)
