"""Blocks in networks and heads at their bottoms: how many parameters, at which places, with which auxiliary logits."""

import math
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes

from jaxseg import models
from jaxseg.attention.channel import SCSE
from jaxseg.layers import Numerics
from jaxseg.models.danet import DANetHead
from jaxseg.models.equipped import BLOCKS, BOTTOMS
from jaxseg.models.psanet import PSANetHead

FLOAT = Numerics(jnp.float32)
SMALL = {"unet": {"width": 2}, "denseunet": {"size": "micro"}}


def count(module, channels, grid=(1, 5, 3)):
    x = jax.ShapeDtypeStruct((*grid, channels), jnp.float32)
    found = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, train=False), x)
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(found["params"]))


@pytest.mark.parametrize(
    ("block", "channels", "wanted"),
    [
        ("squeeze_excite", 64, 2 * 64 * 4),
        ("cbam", 64, 680),
        ("bam", 64, 1173),
        *(("scse", c, 2 * c * (c // 2) + c // 2 + 2 * c + 1) for c in (2, 64, 96)),
    ],
)
def test_parameter_counts_of_the_blocks(block, channels, wanted):
    """Those of CBAM and BAM are counts of the public code."""
    assert count(BLOCKS[block].make(FLOAT, "block"), channels) == wanted


@pytest.mark.parametrize(
    ("channels", "classes", "wanted"),
    [(2048, 19, 23_954_619), (2112, 2, 25_447_100), (256, 2, 374_744), (148, 2, 125_446)],
)
def test_parameter_counts_of_the_head_of_danet(channels, classes, wanted):
    """Counts of the public code, which has three classifiers; here they are auxiliary heads of the network."""
    i = channels // 4
    assert count(DANetHead(FLOAT), channels) + 3 * (i * classes + classes) == wanted
    pam = 2 * (i + 1) * (i // 8) + i**2 + i + 1
    assert 18 * channels * i + 18 * i**2 + 8 * i + pam + 1 + 3 * (i * classes + classes) == wanted


@pytest.mark.parametrize(("channels", "span", "wanted"), [(2048, 30, 8_291_328), (2112, 16, 5_842_048)])
def test_parameter_counts_of_the_head_of_psanet(channels, span, wanted):
    """Counts of the public code, whose masks have 59 and 31 entries along a side."""
    assert count(PSANetHead(FLOAT, 512, span), channels) == wanted


def test_scse_takes_the_larger_of_the_two_if_told():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 3, 5, 4)), jnp.float32)
    variables = fill(jax.eval_shape(lambda: SCSE().init(jax.random.key(0), x, train=False)))
    of = variables["params"]
    hidden = jax.nn.relu(x.mean((1, 2)) @ of["channel"]["reduce"]["kernel"] + of["channel"]["reduce"]["bias"])
    channel = jax.nn.sigmoid(hidden @ of["channel"]["expand"]["kernel"] + of["channel"]["expand"]["bias"])
    parts = x * channel[:, None, None], x * jax.nn.sigmoid(x @ of["space"]["kernel"] + of["space"]["bias"])
    for merge, expected in (("sum", parts[0] + parts[1]), ("max", jnp.maximum(*parts))):
        np.testing.assert_allclose(SCSE(merge=merge).apply(variables, x, train=False), expected, atol=1e-6)


PLACES = {
    "unet": (["down0", "down1", "down2", "down3"], ["bottom"], ["up3", "up2", "up1", "up0"]),
    "denseunet": (["stem", "block1", "block2", "block3"], ["block4"], ["up1", "up2", "up3", "up4", "up5"]),
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_follow_the_parts_that_they_are_said_to(name, block):
    parts = dict(zip(("encoder", "bottom", "decoder"), PLACES[name], strict=True))
    found = shapes(models.build(name, **SMALL[name], block=block))["params"]
    plain = shapes(models.build(name, **SMALL[name]))["params"]
    wanted = {f"{block}_{place}" for part in BLOCKS[block].parts for place in parts[part]}
    assert found.keys() - plain.keys() == wanted
    assert all(jax.tree.map(jnp.shape, found[key]) == jax.tree.map(jnp.shape, plain[key]) for key in plain)


@pytest.mark.parametrize("name", ["unet", pytest.param("denseunet", marks=pytest.mark.slow)])
def test_a_block_acts_on_the_skip_and_on_the_way_down(name):
    """Where the block at level 0 lets nothing through, no other part sees the image."""
    model = models.build(name, **SMALL[name], block="squeeze_excite")
    variables, first = fill(shapes(model)), f"squeeze_excite_{PLACES[name][0][0]}"
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 32, 32, 3)), jnp.float32)

    def silenced(call, args, kwargs, context):
        y = call(*args, **kwargs)
        return 0 * y if context.module.name == first and context.method_name == "__call__" else y

    with nn.intercept_methods(silenced):
        once, twice = jax.jit(model.apply)(variables, jnp.concatenate([x, 2 * x]))
    np.testing.assert_allclose(once, twice, atol=1e-6)


@pytest.mark.parametrize("name", SMALL)
def test_the_head_of_danet_has_three_auxiliary_logits(name):
    model = models.build(name, **SMALL[name], bottom="danet", num_classes=3)
    assert model.auxiliary_weights == {"pam": 1.0, "cam": 1.0, "sum": 1.0}
    variables, x = shapes(model), jax.ShapeDtypeStruct((2, 37, 45, 3), jnp.float32)
    run = jax.eval_shape(lambda v, x: models.training_pass(model, v, x, None, jax.random.key(0)), variables, x)
    assert {name: logits.shape for name, logits in run[1].items()} == dict.fromkeys(
        ("pam", "cam", "sum"), (2, 37, 45, 3)
    )
    assert models.build(name, **SMALL[name]).auxiliary_weights == {}
    assert models.build(name, **SMALL[name], bottom="psanet").auxiliary_weights == {}


EVERY = [*({"block": block} for block in BLOCKS), *({"bottom": head} for head in BOTTOMS)]


def opened(path, leaf):
    return jnp.abs(leaf) if path[-2].key == "reduce" else leaf


@pytest.mark.slow
@pytest.mark.parametrize("own", [*EVERY, {"valid": True}])
def test_gradients_are_finite_and_reach_every_kernel(own):
    model = models.build("unet", width=2, **own)
    variables = fill(shapes(model), seed=5)
    # A hidden layer of one or two channels is often closed.
    variables = jax.tree_util.tree_map_with_path(opened, variables)
    images = jnp.asarray(np.random.default_rng(6).normal(size=(2, 48, 48, 3)), jnp.float32)
    sizes = jnp.array([[48, 48], [35, 41]])

    @jax.jit
    def gradients(params):
        def loss(params):
            run = models.training_pass(model, {**variables, "params": params}, images, sizes, jax.random.key(0))
            return sum((logits**2).mean() for logits in (run[0], *run[1].values()))

        return jax.grad(loss)(params)

    for path, gradient in jax.tree_util.tree_leaves_with_path(gradients(variables["params"])):
        assert np.isfinite(gradient).all(), path
        assert path[-1].key not in ("kernel", "scale", "table") or np.any(gradient), path


@pytest.mark.parametrize("own", [*EVERY, {"valid": True}])
def test_all_have_an_initial_draw(own):
    model = models.build("unet", width=2, **own)
    found = jax.eval_shape(lambda key: models.initial_variables(model, key), jax.random.key(0))
    assert jax.tree.map(jnp.shape, found) == jax.tree.map(jnp.shape, shapes(model))


@pytest.mark.parametrize("own", EVERY)
def test_all_of_it_computes_in_bfloat16(own):
    model = models.build("unet", width=2, **own, dtype="bfloat16")
    seen = []

    def kept(call, args, kwargs, context):
        y = call(*args, **kwargs)
        if context.module.name == "up0":
            seen.append(y.dtype)
        return y

    with nn.intercept_methods(kept):
        found = shapes(model)
    assert seen == [jnp.bfloat16]
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(found))


def test_options_of_the_head_of_danet():
    """The paper's sign, and dropout of whole channels before the auxiliary logits, not before the decoder."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 5, 8)), jnp.float32)
    variables = fill(jax.eval_shape(lambda: DANetHead(FLOAT).init(jax.random.key(0), x, train=False)))
    training = {"train": True, "mutable": ["batch_stats"], "rngs": {"dropout": jax.random.key(1)}}

    @jax.jit
    def run(variables, x):
        trained = [DANetHead(FLOAT, rate=rate).apply(variables, x, **training)[0] for rate in (0.5, 0.0)]
        return trained, [
            DANetHead(FLOAT, inverted=which).apply(variables, x, train=False)[0] for which in (False, True)
        ]

    ((y, auxiliary), (still, _)), (plain, inverted) = run(variables, x)
    kept = np.asarray(auxiliary["sum"] != 0).any((1, 2))
    assert 0 < kept.sum() < kept.size
    np.testing.assert_allclose(auxiliary["sum"], 2 * y * kept[:, None, None], rtol=1e-5)
    np.testing.assert_allclose(still, y, rtol=1e-5)
    assert np.abs(plain - inverted).max() > 1e-3


def test_the_head_of_psanet_has_the_input_first_and_any_grid_up_to_its_span():
    head = PSANetHead(FLOAT, width=2, span=3, shrink=2)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 5, 4)), jnp.float32)
    variables = fill(jax.eval_shape(lambda: head.init(jax.random.key(0), x, train=False)))
    for grid in ((6, 5), (1, 2)):
        y, _ = jax.jit(partial(head.apply, train=False))(variables, x[:, : grid[0], : grid[1]])
        np.testing.assert_array_equal(y[..., :4], x[:, : grid[0], : grid[1]])
        assert y.shape == (2, *grid, 8)
    whole = PSANetHead(FLOAT, width=2, span=6, shrink=1)
    assert count(whole, 4) == count(head, 4) + 2 * 2 * (11**2 - 5**2)
    with pytest.raises(ValueError, match=r"the grid \(4, 3\) has a side longer than span 3"):
        jax.eval_shape(lambda: head.apply(variables, jnp.zeros((1, 7, 5, 4)), train=False))


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"block": "sebam"}, r"block is 'sebam' \(did you mean 'bam'\?\); choose one of none, squeeze_excite, scse"),
        ({"bottom": "dan"}, r"bottom is 'dan' \(did you mean 'danet'\?\); choose one of none, danet, psanet"),
        ({"bottom_options": {"rate": 0.1}}, "bottom 'none' has no option 'rate'; it takes none"),
        ({"bottom": "danet", "bottom_options": {"span": 3}}, "bottom 'danet' has no option 'span'; it takes inverted"),
        ({"bottom": "danet", "bottom_options": {"rate": 1.0}}, "rate is 1.0; want a probability, 0 to below 1"),
        ({"bottom": "psanet", "bottom_options": {"span": 0}}, "span is 0; it must be at least 1"),
    ],
)
@pytest.mark.parametrize("name", SMALL)
def test_wrong_options_are_told_when_the_network_is_built(name, own, words):
    with pytest.raises(ValueError, match=words):
        models.build(name, **SMALL[name], **own)


def test_wrong_options_of_scse_are_told():
    with pytest.raises(ValueError, match="merge is 'both'; choose one of sum, max"):
        SCSE(merge="both")
    with pytest.raises(ValueError, match="reduction is 0; it must be at least 1"):
        SCSE(0)
