from functools import partial
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables

from jaxseg.attention import build, dense
from jaxseg.attention.mechanisms.joint import DEAD, STRUCTURES, gate_map
from jaxseg.attention.mechanisms.pointwise import pwa

# The structures once more, from the paper's section 2.2 and Fig. 2: x, S and w in, y out.
FORMULAS = {
    "ja1": lambda x, s, w: w(x) * (s(x) + x),
    "ja2": lambda x, s, w: w(x) * s(x) + x,
    "ja3": lambda x, s, w: (w(x) + 1) * (s(x) + x),
    "ja4": lambda x, s, w: w(s(x) + x) * (s(x) + x),
    "ja5": lambda x, s, w: w(s(x)) * s(x) + x,
    "ja6": lambda x, s, w: (w(s(x) + x) + 1) * (s(x) + x),
    "ja7": lambda x, s, w: s(w(x) * x) + w(x) * x,
    "ja8": lambda x, s, w: s(w(x) * x) + x,
    "ja9": lambda x, s, w: s((w(x) + 1) * x) + (w(x) + 1) * x,
    "ja3b": lambda x, s, w: w(x) * (s(x) + x) + x,
    "ja4b": lambda x, s, w: w(s(x)) * (s(x) + x),
    "ja6b": lambda x, s, w: w(s(x) + x) * (s(x) + x) + x,
    "ja9b": lambda x, s, w: s((w(x) + 1) * x) + x,
    "ja_p1": lambda x, s, w: w(x) * x + s(x),
    "ja_p2": lambda x, s, w: w(x) * x + s(x) + x,
    "ja_p3": lambda x, s, w: (w(x) + 2) * x + s(x),
}
# What is left of each where S = 0: y = c(w(x)) x, or a map of something else.
WITHOUT_SELF = {
    **dict.fromkeys(["ja1", "ja4", "ja7", "ja_p1"], lambda x, w: w(x) * x),
    **dict.fromkeys(["ja2", "ja5", "ja8", "ja9b"], lambda x, w: x),
    **dict.fromkeys(["ja3", "ja6", "ja9", "ja3b", "ja6b", "ja_p2"], lambda x, w: w(x) * x + x),
    "ja4b": lambda x, w: w(jnp.zeros_like(x)) * x,
    "ja_p3": lambda x, w: w(x) * x + 2 * x,
}
X = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
OPTIONS = {"width": 5, "activation": "one_plus_tanh"}


@pytest.fixture(scope="module")
def variables():
    return random_variables(build("ja9", **OPTIONS), X)


def test_every_structure_has_a_formula_and_a_name():
    assert [structure.__name__ for structure in STRUCTURES] == list(FORMULAS)
    assert [build(structure.__name__).structure for structure in STRUCTURES] == list(STRUCTURES)


def parts(module, variables):
    """Return the module's own S and w as functions."""
    bound = module.bind(variables)

    def s(u):
        return bound.self_attention(u, train=False) - u  # the part closes its own shortcut

    def w(u):
        return gate_map(bound.point_wise.form(u)).reshape(*u.shape[:-1], 1)

    return s, w


@pytest.fixture(scope="module")
def outputs(variables):
    with jax.enable_x64(True):
        return {name: build(name, **OPTIONS).apply(variables, jnp.asarray(X), train=False) for name in FORMULAS}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_structure_is_its_formula(name, variables, outputs):
    with jax.enable_x64(True):
        formula = FORMULAS[name](jnp.asarray(X), *parts(build(name, **OPTIONS), variables))
    np.testing.assert_allclose(outputs[name], formula, atol=1e-12)


def test_all_structures_differ(outputs):
    for a, b in combinations(outputs, 2):
        assert np.abs(np.asarray(outputs[a]) - np.asarray(outputs[b])).max() > 1e-3, (a, b)


@pytest.mark.parametrize("name", FORMULAS)
def test_what_is_left_without_self_attention(name, variables):
    closed = jax.tree.map(lambda a: a, variables)
    closed["params"]["self_attention"]["output"]["norm"] = {"scale": np.zeros(4), "bias": np.zeros(4)}
    x, module = jnp.asarray(X, jnp.float32), build(name, **OPTIONS)
    y = module.apply(closed, x, train=False)
    np.testing.assert_allclose(y, WITHOUT_SELF[name](x, parts(module, closed)[1]), atol=1e-5)


def test_every_kernel_gets_a_gradient_from_random_parameters(variables):
    x, stats = jnp.asarray(X, jnp.float32), variables["batch_stats"]
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), variables["params"])
    for name in FORMULAS:
        module = build(name, **OPTIONS)
        apply = partial(module.apply, train=False)
        slope = jax.jit(jax.grad(lambda p, apply=apply: (apply({"params": p, "batch_stats": stats}, x) ** 2).mean()))
        gradient = slope(params)
        for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
            assert np.isfinite(leaf).all(), (name, path)
            assert np.abs(leaf).max() > 1e-6 or path[-1].key != "kernel", (name, path)


def test_the_composition_is_the_module_where_channels_are_left_alone(variables):
    # With g and W_z the identity and no batch normalisation, weights over positions are all that there is.
    options = {**OPTIONS, "inner": 4, "use_bn": False, "use_bias": False}
    with jax.enable_x64(True):
        x = jnp.asarray(X[:1])
        drawn = random_variables(build("ja9", **options), X[:1])
        drawn["params"]["self_attention"]["factors"]["g"]["kernel"] = np.eye(4)
        drawn["params"]["self_attention"]["output"]["w_z"]["kernel"] = np.eye(4)
        modules = [build(name, **options) for name in FORMULAS]
        drawn = jax.tree.map(jnp.asarray, drawn)

        @jax.jit
        def both(drawn, x):
            """Return what the modules give, and the compositions of their parts."""
            forms = [module.apply(drawn, x, method="form") for module in modules]
            return [(m.apply(drawn, x, train=False), f.dense().composed) for m, f in zip(modules, forms, strict=True)]

        made = both(drawn, x)
    for name, (y, composed) in zip(FORMULAS, made, strict=True):
        np.testing.assert_allclose(np.asarray(composed.out)[0], np.asarray(y).reshape(-1, 4), atol=1e-12, err_msg=name)
        np.testing.assert_allclose(
            np.asarray(composed.weights)[0, 0] @ X[0].reshape(-1, 4), np.asarray(composed.out)[0], atol=1e-12
        )


def test_the_composition_of_ja9_is_that_of_its_parts(variables):
    parts = dense(build("ja9", **OPTIONS), variables, jnp.asarray(X[:1], jnp.float32))
    identity = np.eye(15)
    whole = (parts.self.weights[0] + identity) @ (identity + parts.point_wise.weights[0])
    np.testing.assert_allclose(parts.composed.weights[0], whole, atol=1e-5)


REFUSED = [(structure.__name__, activation) for structure, activations in DEAD.items() for activation in activations]


@pytest.mark.parametrize(("name", "activation"), REFUSED)
def test_a_map_that_gets_no_gradient_is_refused(name, activation):
    with pytest.raises(ValueError, match=f"{name} with activation '{activation}' and gamma_init 0 gets no gradient"):
        build(name, activation=activation)
    build(name, activation=activation, gamma_init=1.0)


@pytest.mark.parametrize(
    ("name", "activation"), [*((name, "sigmoid") for name in FORMULAS), ("ja4b", "identity"), *REFUSED]
)
def test_only_the_refused_start_without_a_gradient(name, activation):
    x = jnp.asarray(X, jnp.float32)
    module = build(name).copy(point_wise=pwa(activation=activation, width=5))  # past the refusal
    variables = module.init(jax.random.key(0), x, train=False)

    def loss(params):
        y, _ = module.apply({**variables, "params": params}, x, train=True, mutable=["batch_stats"])
        return (y * jnp.cos(x)).sum()

    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(jax.grad(loss)(variables["params"])))
    assert largest == 0 if (name, activation) in REFUSED else largest > 1e-3


def test_options_reach_both_parts():
    module = build("ja9", pairwise="embedded", pool="pre", use_bn=False, map_use_bn=True, activation="relu")
    assert (module.self_attention.factors.pairwise, module.self_attention.output.use_bn) == ("embedded", False)
    assert (module.point_wise.factors.activation, module.point_wise.factors.use_bn) == ("relu", True)
