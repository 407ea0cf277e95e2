import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes
from jax import lax

from jaxseg.models import build
from jaxseg.models.network import real_cells

# Trainable parameters with two classes, author head: without attention and with JA-9 at all four skips.
# Each was counted twice: on the running network and from its layer table. The plain head has two fewer: see below.
COUNTS = {
    "161": (48_840_260, 61_207_384),
    "121": (14_128_900, 17_969_576),
    "base": (2_066_096, 2_799_046),
    "small": (570_264, 864_418),
    "tiny": (59_908, 134_144),
    "micro": (8_520, 34_482),
}


def count(tree):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    "size", [pytest.param(size, marks=pytest.mark.slow if size in ("121", "base") else ()) for size in COUNTS]
)
def test_parameter_counts(size):
    for attention, expected in zip(("none", "ja9"), COUNTS[size], strict=True):
        assert count(shapes(build("denseunet", size=size, attention=attention, head="author"))["params"]) == expected


@pytest.mark.parametrize(("attention", "expected"), [("sa", 59_269_460), ("pwa", 50_778_184)])
def test_parameter_counts_of_the_single_mechanisms(attention, expected):
    params = shapes(build("denseunet", size="161", attention=attention, head="author"))["params"]
    assert count(params) == expected
    single = {"sa": (18_864, 296_640, 1_183_104, 8_930_592), "pwa": (55_937, 221_825, 443_009, 1_217_153)}[attention]
    assert tuple(count(params[f"attention{level}"]) for level in range(4)) == single


def test_the_faithful_network_has_the_published_stages():
    params = shapes(build("denseunet", size="161"))["params"]
    stages = {
        "stem": 168_768,
        "block1": 749_376,
        "transition1": 74_112,
        "block2": 2_051_712,
        "transition2": 295_680,
        "block3": 11_463_552,
        "transition3": 2_232_384,
        "block4": 9_411_840,
        "bottom": 4_667_520,
        "up1": 14_599_680,
        "up2": 2_654_976,
        "up3": 331_968,
        "up4": 83_136,
        "up5": 55_424,
        "head": 130,
    }
    assert {name: count(tree) for name, tree in params.items()} == stages
    assert count(params) == COUNTS["161"][0] - 2


def reference(variables, images, blocks):
    """The layer table in plain calls of XLA and flax, in evaluation mode; sides must be multiples of 32."""
    params, stats = variables["params"], variables["batch_stats"]

    def at(tree, path):
        for name in path.split("/"):
            tree = tree[name]
        return tree

    def convolve(x, kernel, strides=1):
        return lax.conv_general_dilated(
            x, kernel, (strides, strides), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest"
        )

    def cbr(x, path):
        norm, state = at(params, f"{path}/norm"), at(stats, f"{path}/norm")
        x = convolve(x, at(params, f"{path}/conv/kernel"))
        return nn.relu((x - state["mean"]) / jnp.sqrt(state["var"] + 1e-5) * norm["scale"] + norm["bias"])

    def block(x, name, layers):
        for layer in range(1, layers + 1):
            x = jnp.concatenate([x, cbr(cbr(x, f"{name}/reduce{layer}"), f"{name}/grow{layer}")], -1)
        return x

    def upsample(x):  # TensorFlow's resize_bilinear(align_corners=True); a single row or column is repeated
        for axis in (1, 2):
            n = x.shape[axis]
            scale = jnp.array([(2 * n - 1) / (n - 1) if n > 1 else 2.0])
            shape = (*x.shape[:axis], 2 * n, *x.shape[axis + 1 :])
            shift = 0.5 - 0.5 * scale if n > 1 else jnp.zeros(1)
            x = jax.image.scale_and_translate(x, shape, (axis,), scale, shift, "linear", antialias=False)
        return x

    x, skips = images, []
    for layer in (1, 2, 3):
        stem = params["stem"][f"conv{layer}"]
        x = nn.relu(convolve(x, stem["kernel"], 2 if layer == 1 else 1) + stem["bias"])
    skips.append(x)
    x = nn.max_pool(x, (3, 3), (2, 2), "SAME")
    for stage in (1, 2, 3):
        x = block(x, f"block{stage}", blocks[stage - 1])
        skips.append(x)
        x = nn.avg_pool(cbr(x, f"transition{stage}"), (3, 3), (2, 2), "SAME", count_include_pad=False)
    x = cbr(block(x, "block4", blocks[3]), "bottom")
    for stage in (1, 2, 3, 4, 5):
        x = upsample(x)
        if skips:
            x = x + skips.pop()
        x = cbr(x, f"up{stage}")
    return convolve(x, params["head"]["conv"]["kernel"]) + params["head"]["conv"]["bias"]


def test_equals_the_layer_table():
    model = build("denseunet", size="tiny")
    images = jnp.asarray(np.random.default_rng(0).normal(size=(1, 64, 32, 3)), jnp.float32)
    variables = fill(shapes(model), seed=1)
    ours, expected = jax.jit(lambda v, x: (model.apply(v, x), reference(v, x, (2, 2, 2, 2))))(variables, images)
    np.testing.assert_allclose(ours, expected, atol=1e-5 * float(jnp.abs(expected).max()))


@pytest.fixture(scope="module")
def attended():
    """A micro network with self-attention, compiled for two 64x64 images of stated sizes."""
    model = build("denseunet", size="micro", attention="sa")
    apply = jax.jit(lambda v, x, sizes: model.apply(v, x, train=False, sizes=sizes))
    images = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)
    images[1, 40:], images[1, :, 50:] = 0, 0
    return model, fill(shapes(model), seed=2), jnp.asarray(images), apply


def test_padding_by_the_caller_changes_nothing_within_the_same_frame(attended):
    """In evaluation, a padded image with its size gives the logits of the bare image: both get one frame of 64x64.

    A larger frame would move them: convolutions with bias and normalisation make something of the zeros.
    """
    model, variables, images, apply = attended
    logits = apply(variables, images, jnp.array([[64, 64], [40, 50]]))
    bare = jax.jit(model.apply)(variables, images[1:, :40, :50])
    assert bare.shape == (1, 40, 50, 2)
    np.testing.assert_allclose(logits[1:, :40, :50], bare, atol=1e-5 * float(jnp.abs(bare).max()))


def test_padding_is_no_key(attended):
    _, variables, images, apply = attended
    known = apply(variables, images, jnp.array([[64, 64], [40, 50]]))
    unknown = apply(variables, images, jnp.array([[64, 64], [64, 64]]))
    np.testing.assert_array_equal(known[0], unknown[0])
    assert float(jnp.abs(known[1] - unknown[1]).max()) > 1e-3 * float(jnp.abs(known[1]).max())


def test_real_cells_round_up():
    cells = real_cells(jnp.array([[61, 45], [33, 96]]), 16, (6, 6))
    assert cells.shape == (2, 6, 6)
    np.testing.assert_array_equal(cells.any(2).sum(1), [4, 3])  # ceil(61 / 16), ceil(33 / 16)
    np.testing.assert_array_equal(cells.any(1).sum(1), [3, 6])
    np.testing.assert_array_equal(cells[0, 3], [True] * 3 + [False] * 3)


def test_attention_stands_at_the_named_levels_only():
    params = shapes(build("denseunet", size="micro", attention="pwa", levels=(3, 1)))["params"]
    assert sorted(name for name in params if name.startswith("attention")) == ["attention1", "attention3"]


def test_options_reach_the_mechanism():
    model = build("denseunet", size="micro", attention="pwa", attention_options={"width": 16}, levels=(0,))
    kernels = [leaf.shape for leaf in jax.tree.leaves(shapes(model)["params"]["attention0"]) if leaf.ndim == 4]
    assert sorted(kernels) == [(3, 3, 8, 16), (3, 3, 16, 1)]


def test_bfloat16_features_and_float32_logits():
    images = jnp.asarray(np.random.default_rng(0).normal(size=(1, 32, 32, 3)), jnp.float32)
    wide, narrow = (build("denseunet", size="micro", attention="ja9", dtype=d) for d in ("float32", "bfloat16"))
    variables = fill(shapes(narrow), seed=3)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(shapes(narrow))} == {"float32"}
    exact, rounded = jax.jit(lambda v, x: (wide.apply(v, x), narrow.apply(v, x)))(variables, images)
    assert rounded.dtype == jnp.float32
    error = float(jnp.abs(rounded - exact).max() / jnp.abs(exact).max())
    assert 1e-4 < error < 0.1  # features are rounded to 8 bits in some 40 layers


def test_the_authors_head_has_no_negative_logits():
    model = build("denseunet", size="micro", head="author", num_classes=3)
    logits = jax.jit(model.apply)(fill(shapes(model), seed=4), jnp.ones((1, 32, 32, 3)))
    assert logits.shape == (1, 32, 32, 3)
    assert float(logits.min()) == 0 < float(logits.max())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(size="169"), "size is '169' .did you mean '161'.*; choose one of 161, 121, base, small, tiny, micro"),
        (dict(levels=(0, 4)), r"levels is \(0, 4\); choose among 0, 1, 2, 3"),
        (dict(levels=(1, 1)), r"levels is \(1, 1\); choose among 0, 1, 2, 3"),
        (dict(head="authors"), "head is 'authors' .did you mean 'author'.*; choose one of plain, author"),
        (dict(dtype="float16"), "dtype is 'float16' .did you mean .*; choose one of float32, bfloat16"),
        (dict(num_classes=1), "num_classes is 1"),
        (dict(attention="ja10"), "attention is 'ja10'"),
        (dict(attention="pwa", attention_options={"activations": "relu"}), "activations"),
    ],
)
def test_mistakes_are_told_when_the_network_is_built(change, message):
    with pytest.raises(ValueError, match=message):
        build("denseunet", **dict(size="micro") | change)
