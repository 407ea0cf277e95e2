"""The shared tester: what every network promises, with every mechanism."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes

from jaxseg.attention import MECHANISMS
from jaxseg.models import MODELS, build

SMALLEST = {"denseunet": {"size": "micro"}}
SHAPED = ["none", "ja9", "attention_gate", "axial"]
TRAINED = ["ja9"]  # costs a compilation


def smallest(name, **options):
    return build(name, **SMALLEST[name], **options)


def test_every_network_is_tested():
    assert SMALLEST.keys() == MODELS.keys()


@pytest.mark.parametrize(
    "attention", [pytest.param(name, marks=() if name in SHAPED else pytest.mark.slow) for name in MECHANISMS]
)
@pytest.mark.parametrize("name", MODELS)
def test_logits_have_the_shape_of_the_images(name, attention):
    model = smallest(name, attention=attention, levels=(0, 3), num_classes=3)
    variables = shapes(model)
    images = jax.ShapeDtypeStruct((2, 61, 45, 3), jnp.float32)
    sizes = jax.ShapeDtypeStruct((2, 2), jnp.int32)

    logits = jax.eval_shape(lambda v, x: model.apply(v, x, train=False), variables, images)
    assert (logits.shape, logits.dtype) == ((2, 61, 45, 3), jnp.float32)

    def train(variables, images, sizes):
        return model.apply(variables, images, train=True, sizes=sizes, mutable=["batch_stats"])

    logits, new = jax.eval_shape(train, variables, images, sizes)
    assert (logits.shape, logits.dtype) == ((2, 61, 45, 3), jnp.float32)
    assert jax.tree.map(lambda leaf: leaf.shape, new["batch_stats"]) == jax.tree.map(
        lambda leaf: leaf.shape, variables["batch_stats"]
    )


@pytest.fixture(scope="module", params=[(name, attention) for name in MODELS for attention in TRAINED], ids=str)
def trained(request):
    """One training pass from random parameters: loss, gradients, variables before, statistics after."""
    name, attention = request.param
    model = smallest(name, attention=attention, levels=(0, 3))
    variables = fill(shapes(model), seed=5)
    rng = np.random.default_rng(6)
    images = jnp.asarray(rng.normal(size=(2, 61, 45, 3)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 2, size=(2, 61, 45)))

    @jax.jit
    def run(params, stats):
        def loss(params):
            logits, new = model.apply({"params": params, "batch_stats": stats}, images, train=True, mutable=True)
            return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1).mean(), new

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


SETTINGS = {"attention": "ja9", "attention_options": {}, "levels": (0, 3), "dtype": "float32", "size": "tiny"}
