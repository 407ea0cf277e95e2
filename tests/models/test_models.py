"""The shared tester: what every network promises, with every mechanism."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes
from small import SMALLEST, at_both_ends

from jaxseg.attention import MECHANISMS
from jaxseg.models import MODELS, arguments, build, describe, training_pass, unused

SHAPED = ["none", "ja9"]
TRAINED = ["none", "ja9"]  # each costs a compilation


def test_every_network_is_tested():
    assert SMALLEST.keys() == MODELS.keys()


def shaped():
    """Return every network with every mechanism; by default those of ``SHAPED``, and two with a gate too."""
    for name, attention in itertools.product(MODELS, MECHANISMS):
        gated = attention == "attention_gate" and name in ("denseunet", "unet")
        default = (attention in SHAPED and name != "focusnet") or gated  # FocusNet compiles longest
        yield pytest.param(name, attention, marks=() if default else pytest.mark.slow)


@pytest.mark.parametrize(("name", "attention"), [*shaped()])
def test_logits_have_the_shape_of_the_images(name, attention):
    model = at_both_ends(name, attention=attention, num_classes=2 if name == "dacn" else 3)
    variables = shapes(model)
    images = jax.ShapeDtypeStruct((2, 61, 45, 3), jnp.float32)
    sizes = jax.ShapeDtypeStruct((2, 2), jnp.int32)

    shape = (2, 61, 45, model.num_classes)
    logits = jax.eval_shape(lambda v, x: model.apply(v, x, train=False), variables, images)
    assert (logits.shape, logits.dtype) == (shape, jnp.float32)

    def train(variables, images, sizes):
        return training_pass(model, variables, images, sizes, jax.random.key(0))

    logits, auxiliary, new = jax.eval_shape(train, variables, images, sizes)
    for of in (logits, *auxiliary.values()):
        assert (of.shape, of.dtype) == (shape, jnp.float32)
    assert auxiliary.keys() == model.auxiliary_weights.keys()
    assert jax.tree.map(lambda leaf: leaf.shape, new["batch_stats"]) == jax.tree.map(
        lambda leaf: leaf.shape, variables["batch_stats"]
    )


def trainings():
    """Return every network with every mechanism of ``TRAINED``; by default one of them."""
    default = ("denseunet", "ja9")
    pairs = itertools.product(MODELS, TRAINED)
    return [pytest.param(pair, marks=() if pair == default else pytest.mark.slow, id=str(pair)) for pair in pairs]


@pytest.fixture(scope="module", params=trainings())
def trained(request):
    """One training pass from random parameters: loss, gradients, variables before, statistics after."""
    name, attention = request.param
    model = at_both_ends(name, attention=attention, num_classes=2 if name == "dacn" else 3)
    variables = fill(shapes(model), seed=5)
    rng = np.random.default_rng(6)
    images = jnp.asarray(rng.normal(size=(2, 61, 45, 3)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, model.num_classes, size=(2, 61, 45)))

    @jax.jit
    def run(params, stats):
        def loss(params):
            variables = {"params": params, "batch_stats": stats}
            logits, auxiliary, new = training_pass(model, variables, images, None, jax.random.key(0))
            every = [logits, *auxiliary.values()]
            return sum(-jnp.take_along_axis(jax.nn.log_softmax(of), labels[..., None], -1).mean() for of in every), new

        return jax.value_and_grad(loss, has_aux=True)(params)

    (loss, new), gradients = run(variables["params"], variables["batch_stats"])
    return loss, gradients, variables, new


def leaves(tree):
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def test_gradients_are_finite_and_reach_every_kernel(trained):
    loss, gradients, _, _ = trained
    assert np.isfinite(loss)
    for path, gradient in leaves(gradients).items():
        assert np.isfinite(gradient).all(), path
        if path.endswith("['kernel']") or path.endswith("['scale']"):
            assert np.abs(gradient).max() > 1e-9, path


def test_training_moves_every_statistic(trained):
    _, _, variables, new = trained
    before, after = leaves(variables["batch_stats"]), leaves(new["batch_stats"])
    assert before.keys() == after.keys()
    for path, statistic in after.items():
        assert np.isfinite(statistic).all(), path
        assert (np.asarray(statistic) != np.asarray(before[path])).all(), path


def test_unknown_models_are_told_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"model is 'denseunett' \(did you mean 'denseunet'\?\); choose one of denseu"):
        build("denseunett")


def test_options_of_another_network_are_told():
    with pytest.raises(ValueError, match=r"model 'unet' has no option 'size'.*; it takes width"):
        build("unet", size="tiny")
    with pytest.raises(ValueError, match=r"'denseunet' has no option 'heda' \(did you mean 'head'\?\); it takes size"):
        build("denseunet", heda="plain")


SETTINGS = {"attention": "ja9", "attention_options": {}, "levels": (0, 3), "dtype": "float32", "size": "tiny"}


def test_settings_become_arguments_without_those_of_other_networks():
    settings = {"name": "unet", "options": {"width": 8}, "head": "plain", **SETTINGS}
    assert unused(settings) == ["head", "size"]
    assert arguments(settings) == {
        "name": "unet", "attention": "ja9", "attention_options": {}, "levels": (0, 3), "dtype": "float32", "width": 8
    }  # fmt: skip
    assert build(**arguments(settings)) == build("unet", width=8, attention="ja9", levels=(0, 3))
    # What versions before options wrote.
    assert arguments({"name": "denseunet", "head": "plain", **SETTINGS})["size"] == "tiny"
    with pytest.raises(ValueError, match=r"model.options holds 'size', .* by itself; give it as model.size"):
        arguments({"name": "denseunet", "options": {"size": "tiny"}, **SETTINGS})
    with pytest.raises(ValueError, match=r"model.options of 'unet' has no option 'num_classes'"):
        arguments({"name": "unet", "options": {"num_classes": 3}})
    with pytest.raises(ValueError, match=r"model.name is 'unett' \(did you mean 'unet'\?\)"):
        arguments({"name": "unett", **SETTINGS})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "denseunet", "size": "tiny", "head": "plain"}, "denseunet tiny"),
        ({"name": "denseunet", "head": "author"}, "denseunet 161 head author"),
        ({"name": "unet", "size": "tiny", "options": {"width": 8}}, "unet width 8"),
        ({"name": "unet"}, "unet"),
    ],
)
def test_a_network_in_words(settings, words):
    assert describe(settings) == words
