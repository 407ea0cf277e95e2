"""What every network shares, on one of a few layers: strides that are declared, auxiliary logits, dropout, the gate."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes
from small import Deep

from jaxseg import models
from jaxseg.layers import upsample2
from jaxseg.models import AUXILIARY, Network


def test_auxiliary_logits_are_there_in_training_alone():
    model = Deep(num_classes=3)
    assert "auxiliary_side" in shapes(model)["params"]
    assert AUXILIARY not in shapes(model)
    variables = fill(shapes(model))
    images = jnp.asarray(np.random.default_rng(0).normal(size=(2, 9, 6, 3)), jnp.float32)
    run = {"mutable": ["batch_stats", AUXILIARY], "rngs": {"dropout": jax.random.key(0)}}
    logits, new = model.apply(variables, images, train=True, **run)
    assert logits.shape == new[AUXILIARY]["side"].shape == (2, 9, 6, 3)
    assert not np.allclose(logits, new[AUXILIARY]["side"])
    _, new = model.apply(variables, images, train=False, **run)
    assert AUXILIARY not in new


def test_the_layer_table_counts_what_only_training_needs():
    found = models.summarise(Deep(), (2, 16, 16, 3))
    (side,) = (layer for layer in found.layers if layer.path == ("auxiliary_side", "conv"))
    assert side.backward > 0


def test_auxiliary_logits_without_a_weight_are_refused():
    class Undeclared(Deep):
        auxiliary_weights = {"deepest": 1.0}  # noqa: RUF012

    with pytest.raises(ValueError, match=r"Undeclared gives .* \['side'\] and declares weights for \['deepest'\]"):
        shapes(Undeclared())


def test_a_stride_that_is_not_the_declared_one_is_refused():
    """Else rows would show a part of the image as if it were the whole."""

    class Wrong(Deep):
        skip_strides = (2,)

    with pytest.raises(ValueError, match=r"Wrong declares stride 2 for skip 0, and it arrives with 64 x 64 cells"):
        shapes(Wrong(attention="sa", levels=(0,)))


def decoded(name, found):
    """Return the decoder's features that meet the deepest skip."""
    return upsample2(found["bottom"]) if name == "denseunet" else found["upconv3"]


@pytest.mark.parametrize(("name", "own"), [("denseunet", {"size": "micro"}), ("unet", {"width": 2})])
def test_the_gate_is_the_decoder_on_the_grid_of_the_skip(name, own):
    model = models.build(name, **own, attention="attention_gate", levels=(3,))
    variables, image = fill(shapes(model), seed=1), np.random.default_rng(0).normal(size=(1, 32, 64, 3))
    (skip,) = models.skips(model, variables, np.float32(image)).values()

    @jax.jit
    def features(variables, image):
        named = {"capture_intermediates": lambda module, _: module.name in ("bottom", "upconv3")}
        _, found = model.apply(variables, image, mutable=["intermediates"], **named)
        return {name: found["intermediates"][name]["__call__"][0] for name in found["intermediates"]}

    wanted = decoded(name, features(variables, jnp.asarray(image, jnp.float32)))
    assert skip.gate.shape[1:3] == skip.x.shape[1:3]
    np.testing.assert_allclose(skip.gate, wanted, atol=1e-5 * float(jnp.abs(wanted).max()))
    assert skip.gate.shape != skip.x.shape or not np.allclose(skip.gate, skip.x)


def test_every_declared_skip_is_attended_once():
    class Forgetful(Deep):
        skip_strides = (1, 2)

    with pytest.raises(
        ValueError, match=r"Forgetful declares 2 skips and calls attend for \[0\]; call it once for each"
    ):
        shapes(Forgetful())

    class Bold(Deep):
        skip_strides = ()

    with pytest.raises(ValueError, match="Bold declares 0 skips, and attends at 0"):
        shapes(Bold())


class Coarse(Deep):
    """Its auxiliary features stand for ``cell`` pixels each way."""

    cell: int = 2

    def features(self, x, attend, *, train):
        x, auxiliary = super().features(x, attend, train=train)
        return x, {"side": auxiliary["side"][:, :: self.cell, :: self.cell]}


def test_auxiliary_logits_of_a_coarse_grid_are_interpolated():
    """Pixel p of 8 lies at (p + 1/2) / 2 - 1/2 of 4 cells; beyond the first and the last middle it reads those."""
    variables = fill(shapes(Deep()))
    images = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 8, 3)), jnp.float32)
    found = [
        models.training_pass(of, variables, images, None, jax.random.key(0))[1]["side"] for of in (Deep(), Coarse())
    ]
    fine, coarse = (np.asarray(logits[0, :, :, 1]) for logits in found)
    places = np.clip((np.arange(8) + 0.5) / 2 - 0.5, 0, 3)
    weights = np.maximum(1 - np.abs(places[:, None] - np.arange(4)), 0)
    np.testing.assert_allclose(coarse, weights @ fine[::2, ::2] @ weights.T, rtol=1e-5, atol=1e-6)


def test_auxiliary_features_of_a_grid_that_does_not_divide_the_image_are_refused():
    with pytest.raises(
        ValueError, match=r"auxiliary features 'side' of 22 x 22 for 64 x 64 pixels; give a grid whose cells divide"
    ):
        shapes(Coarse(cell=3))


def test_options_of_the_mechanism_leave_the_network_its_own():
    with pytest.raises(ValueError, match="attention_options holds 'dtype', which the network decides"):
        models.build("unet", attention="sa", attention_options={"dtype": "bfloat16"})


def test_lists_of_json_become_hashable():
    options = {"pool": "pre", "pool_size": [2, 2]}
    model = models.build("unet", width=2, attention="sa", attention_options=options, levels=[3])
    assert hash(model) == hash(model.clone())
    assert model.attention_options["pool_size"] == (2, 2)


def test_a_network_lives_in_another_one():
    class Around(nn.Module):
        @nn.compact
        def __call__(self, x):
            return models.build("unet", width=2)(x, train=False)

    params = jax.eval_shape(Around().init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))["params"]
    assert list(params) == ["UNet_0"]


def test_a_network_has_to_say_what_it_computes():
    class Empty(Network):
        stride = 1

    with pytest.raises(NotImplementedError):
        shapes(Empty())
