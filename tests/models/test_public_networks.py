"""Networks answer as recordings of public code do, or of what is written after it, and their gradients too."""

import re
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import shapes
from recorded import channels_last, recorded, variables

from jaxseg.layers import Numerics
from jaxseg.models import AUXILIARY, MODELS
from jaxseg.models.chan_vese import contour
from jaxseg.models.dacn import DACN
from jaxseg.models.denseunet import Widths
from jaxseg.models.hdenseunet import HDenseUNet

DOUBLE = {"numerics": Numerics(jnp.float64)}


class Renamed(dict):
    """The name of a layer in a reference by its path here: each pattern is replaced in turn."""

    def __init__(self, *rules):
        super().__init__()
        self.rules = rules

    def __missing__(self, path):
        for pattern, there in self.rules:
            path = re.sub(pattern, there, path)
        return path


def wnet():
    def swapped(weights):
        """Side by side with a skip, what rises comes first there and last here."""
        for name, kernel in weights.items():
            if re.search(r"conv_layer\.(block\.0|shortcut\.0)\.weight", name):
                weights[name] = np.roll(kernel, kernel.shape[1] // 2, 1)

    layers = Renamed(
        (r"^net(\d)_", r"unet\1."), (r"^first_head/conv", "unet1.final"), (r"^head/conv", "unet2.final"),
        (r"down0/", "first/"), (r"down(\d)/", lambda found: f"down_path.{int(found[1]) - 1}/"),
        (r"upconv(\d)", lambda found: f"up_path.{1 - int(found[1])}.up_layer.block.0"),
        (r"bridge(\d)", lambda found: f"up_path.{1 - int(found[1])}.conv_bridge_layer/layer1"),
        (r"up(\d)/", lambda found: f"up_path.{1 - int(found[1])}.conv_layer/"),
        (r"/layer1/conv", ".block.0"), (r"/layer1/norm", ".block.2"),
        (r"/layer2/conv", ".block.3"), (r"/layer2/norm", ".block.5"),
        (r"/beside", ".shortcut.0"), (r"/norm", ".shortcut.1"),
    )  # fmt: skip
    transposed = [f"net{net}_upconv{level}" for net in (1, 2) for level in (0, 1)]
    return MODELS["wnet"](width=2, **DOUBLE), layers, transposed, swapped


def vesselnet():
    blocks = {"down0": 1, "down1": 2, "bottom": 3, "up1": 4, "up0": 5}
    layers = Renamed(
        (r"^(down0|down1|bottom|up1|up0)/", lambda found: f"block{blocks[found[1]]}/"),
        (r"^halve(\d)", lambda found: f"strided{int(found[1]) + 1}"),
        (r"^auxiliary_(\w+)/.*", r"map_\1"), (r"^head/conv", "head"),
        (r"/join", "/last"), (r"/point", "/one"), (r"/context", "/two"), (r"/conv$", ""), (r"/norm$", "_bn"),
    )  # fmt: skip
    return MODELS["vesselnet"](width=2, **DOUBLE), layers


def nonlocal_unet():
    layers = Renamed(
        ("^stem", "initial_conv"), ("^head/conv", "output"), ("^last_norm", "output"), ("^bottom_norm", "bottom"),
        (r"^down(\d)", lambda found: f"encode_block_layer{int(found[1]) + 1}"),
        (r"^up(\d)", lambda found: f"decode_block_layer{2 - int(found[1])}"),
        (r"^rise_norm1", "decode_block_layer1"), (r"^rise1", "decode_block_layer1/shortcut"),
        (r"^rise0", "decode_block_layer2/deconv"), (r"^aggregate1", "decode_block_layer1/attention"),
        ("/beside", "/shortcut"), ("/query", "/q"), ("/key", "/k"), ("/value", "/v"),
        (r"/norm(\d)/norm", r"/\1/bn"), ("/norm$", "/bn"),
    )  # fmt: skip
    return MODELS["nonlocal_unet"](width=2, dropout=0.0, **DOUBLE), layers, ["rise1", "rise0", "aggregate1/query"]


def hdenseunet():
    layers = Renamed(
        (r"^stem$", "conv1"), (r"^stem_norm", "conv1_bn"), (r"^bottom_norm", "conv5_blk_bn"), (r"^line", "line0"),
        (r"^last$", "conv_up4"), (r"^last_norm", "bn_up4"), (r"^head/conv", "dense167classifer"),
        (r"^up(\d)/conv", lambda found: f"conv_up{3 - int(found[1])}"),
        (r"^up(\d)/norm", lambda found: f"bn_up{3 - int(found[1])}"),
        (r"^(?:block|transition)(\d)", lambda found: f"conv{int(found[1]) + 1}_"),
        (r"_/reduce(\d)/", r"_\1_x1/"), (r"_/grow(\d)/", r"_\1_x2/"), (r"_/(conv|norm)", r"_blk/\1"),
        (r"/conv$", ""), (r"/norm$", "_bn"),
    )  # fmt: skip
    return HDenseUNet(widths=Widths(4, 2, (2, 1, 2, 1), 4), **DOUBLE), layers


def focusnet_():
    layers = Renamed(
        (r"^stem", "conv0"), (r"^join_norm/norm", "out_concat_bn"), (r"^join$", "out_concat"), (r"^head/.*", "out"),
        (r"^side(\d)_norm/norm", lambda found: f"out{4 - int(found[1])}_bn"),
        (r"^side(\d)$", lambda found: f"out{4 - int(found[1])}"),
        (r"^map(\d)$", lambda found: f"out{4 - int(found[1])}_map"),
        (r"^conv(\d)_(\d)$", lambda found: f"conv{7 - int(found[1]) + int(found[2])}"),
        (r"^down(\d)", lambda found: f"conv{int(found[1]) + 1}"), (r"^up(\d)", lambda found: f"up{4 - int(found[1])}"),
        (r"/reduce", "/in"), (r"/expand_norm", "/out_bn"), (r"/expand", "/out"),
        (r"/gate(\d)", r"/attn\1"), (r"/gated(\d)", r"/skip\1"), (r"/norm(\d)/norm", r"/conv\1_bn"),
        (r"(/skip\d)/beside", r"\1/1x1"), (r"/beside", "/shortcut"), (r"/join(\d)", r"/y_\1"),
        (r"_norm(/norm)?$", "_bn"),
    )  # fmt: skip
    return MODELS["focusnet"](scale=0.04, **DOUBLE), layers


def dacn():
    branches = {"mu": 1, "lambda": 2, "logits": 3}
    layers = Renamed(
        (r"^stem/", "start_block/"), (r"^bottom", "dense_block4/conv11"),
        (r"^transition(\d)", r"dense_block\1/conv11"), (r"^block", "dense_block"), (r"^up(\d)", r"up\1/conv33"),
        (r"/reduce", "/dense/conv11_"), (r"/grow", "/dense/conv33_"),
        (r"^(mu|lambda|logits)/cbr", lambda found: f"up5/branch{branches[found[1]]}-"),
        (r"/conv$", ""), (r"/norm$", "/batch_norm"),
    )  # fmt: skip
    like = {"branch": 3, "epsilon": 4.0, "means": "batch"}
    return DACN(widths=Widths(4, 2, (2, 1, 1, 1), 4), **like, **DOUBLE), layers


def unetpp():
    layers = Renamed(
        (r"^head/conv", "output_4"), (r"^auxiliary_column(\d)/.*", r"output_\1"),
        (r"^(?:node|(up))(\d)_(\d)", lambda found: f"{found[1] or 'conv'}{int(found[2]) + 1}{int(found[3]) + 1}"),
        (r"/cbr(\d)/conv", r"_\1"), (r"/cbr(\d)/norm", r"_\1_bn"),
    )  # fmt: skip
    ups = [f"up{level}_{column}" for column in range(1, 5) for level in range(5 - column)]
    return MODELS["unetpp"](width=2, **DOUBLE), layers, ups


def valid_unet():
    layers = Renamed(
        (r"^down4", "lowest"), (r"^down", "contracting"), (r"^upconv", "rise"), (r"^up", "expanding"),
        (r"^head/conv", "logits"), (r"/conv(\d)", r"_\1"),
    )  # fmt: skip
    return MODELS["unet"](width=2, valid=True, **DOUBLE), layers, [f"upconv{level}" for level in range(4)]


def foreground(logits):
    return jax.nn.softmax(logits)[..., 1:]


# What the reference gives of the logits, and of each of the auxiliary logits.
RESULTS = {"focusnet_": (foreground, None), "dacn": (foreground, None), "vesselnet": (None, lambda z: z[..., 1:])}
QUICK, SLOW = [wnet, vesselnet, nonlocal_unet, hdenseunet, unetpp, valid_unet], [focusnet_, dacn]
ASIDE = ("first", "rich", "half", "quarter", "start", "column1", "column2", "column3")


@pytest.mark.parametrize("parts", [*QUICK, *(pytest.param(of, marks=pytest.mark.slow) for of in SLOW)])
def test_the_reference_agrees(parts):
    ref = recorded(parts.__name__.strip("_"))
    model, layers, *rest = parts()
    transposed = rest[0] if rest else ()
    for edit in rest[1:]:
        edit(ref)
    main, aside = (of or (lambda z: z) for of in RESULTS.get(parts.__name__, (None, None)))
    names = [name for name in ASIDE if name in model.auxiliary_weights]

    @jax.jit
    def run(weights, x, pull):
        def mode(train):
            def results(x):
                y, new = model.apply(weights, x, train=train, mutable=["batch_stats", AUXILIARY])
                others = [aside(new[AUXILIARY][name]) for name in names] if train else []
                return jnp.concatenate([main(y), *others], -1)

            y, pulled = jax.vjp(results, x)
            return y, pulled(pull[..., : y.shape[-1]])[0]

        return mode(False), mode(True)

    with (
        jax.enable_x64(True),
        mock.patch("jaxseg.models.hdenseunet.DROPOUT", 0.0),
        mock.patch("jaxseg.models.focusnet.BLOCKS", (1, 2, 1, 1, 1)),
    ):
        weights = variables(shapes(model), ref, layers, transposed)
        found = run(weights, channels_last(ref["x"]), channels_last(ref["pull"]))
    for mode, results in zip(("eval", "train"), found, strict=True):
        for result, of in zip(results, (mode, f"{mode} gradient"), strict=True):
            expected = channels_last(ref[of])
            every = result.shape[1] // expected.shape[1]
            assert np.mean(expected != 0) > 0.6
            result = result[:, ::every, ::every]
            np.testing.assert_allclose(result, expected, atol=1e-10 * np.abs(expected).max(), err_msg=of)


@pytest.mark.parametrize(("name", "epsilon"), [("contour", 1e-1), ("contour_published", 1e-8)])
def test_the_reference_of_the_contour_agrees(name, epsilon):
    ref = recorded(name)
    like = {"iterations": 3, "epsilon": epsilon, "means": "batch"}
    with jax.enable_x64(True):
        u, pulled = jax.vjp(lambda *x: contour(*x, **like), *map(jnp.asarray, np.moveaxis(ref["x"], 1, 0)))
        gradients = pulled(jnp.asarray(ref["pull"][:, 0]))
    assert {0, 1} < set(ref["eval"].ravel())
    np.testing.assert_allclose(u, ref["eval"][:, 0], atol=1e-12)
    expected = ref["eval gradient"]
    np.testing.assert_allclose(np.stack(gradients, 1), expected, atol=1e-10 * np.abs(expected).max())


def test_recordings_are_small():
    for path in Path(__file__).parents[1].rglob("references/*.npz"):
        assert path.stat().st_size < 300_000, path
