"""What every named mechanism must be, whatever it computes: one case a name, all properties from one compilation."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables

from jaxseg import attention
from jaxseg.attention import module as protocol

GRID, CHANNELS = (5, 7), 8
QUERIES = [0, 16, 34]  # two corners and an inner place
FREE = "free"  # no term of position: permuting the positions permutes the result


class Case(NamedTuple):
    level: str  # S strict, N normalised (rows sum to 1), C contextual
    radius: int = 0  # how far beyond Omega the weights look
    traits: tuple[str, ...] = ()
    options: dict[str, Any] = {}  # noqa: RUF012


CASES = {
    "none": Case("S", 0, (FREE,)),
    "pwa": Case("C", 2),
    "pwa_linear": Case("S"),
    "sa": Case("S", 0, (FREE,)),
    "nonlocal_gaussian": Case("N", 0, (FREE,)),
    "nonlocal_embedded": Case("N", 0, (FREE,)),
    "nonlocal_dot": Case("S", 0, (FREE,)),
    "nonlocal_concat": Case("S", 0, (FREE,)),
    "conv1x1": Case("S", 0, (FREE,)),
    "conv3x3": Case("S"),
    "dilated_conv": Case("S"),
    "depthwise_conv": Case("S"),
    "average_pool": Case("S"),
    "cbam": Case("C", 3),
    "bam": Case("C", 8),
    "attention_gate": Case("C", 3),
    "deformable_conv": Case("C", 1),
    "involution": Case("S"),
    "dynamic_conv": Case("S"),
    "multi_head": Case("N", 0, (FREE,)),
    "linear_attention": Case("N", 0, (FREE,)),
    "efficient_attention": Case("C", 0, (FREE,)),
    "danet": Case("N", 0, (FREE,)),
    "key_only": Case("N", 0, (FREE,)),
    "generalized": Case("N"),
    "psa_collect": Case("N", options={"span": 7}),
    "psa_distribute": Case("N", options={"span": 7}),
    "criss_cross": Case("N"),
    "axial": Case("N"),
    "swin": Case("N", options={"window": 3, "shift": 1}),
    "neighborhood": Case("N", options={"window": 3}),
    "ja5": Case("S", 2),
    "ja9": Case("S", 4),
}


# What runs by default, some of each kind; all run under ``slow``. Op by op every operation compiles by itself.
EAGER = ("cbam", "swin", "ja9")
SOLID = ("attention_gate", "depthwise_conv", "deformable_conv", "swin", "neighborhood", "criss_cross", "generalized",
         "psa_distribute")  # fmt: skip


def some(names):
    return [pytest.param(name, marks=() if name in names else pytest.mark.slow) for name in CASES]


class Facts(NamedTuple):
    """What the tests of one mechanism share; float64."""

    module: Any
    variables: Any
    x: np.ndarray
    gate: np.ndarray
    valid: np.ndarray
    fast: Any  # (x, valid, pull) -> y, gradients of (parameters, x)


def written_out(form):
    """Eq. 1 by its dense form, in the place of a lowering."""
    y = form.dense().out
    return y.reshape(y.shape[0], *form.support.queries, y.shape[-1])


def gradients(module, variables, gate):
    rest = {key: value for key, value in variables.items() if key != "params"}

    def loss(params, x, valid, pull):
        y = module.apply({"params": params, **rest}, x, train=False, valid=valid, gate=gate)
        return (y * pull).sum(), y

    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))

    def run(x, valid, pull):
        with jax.enable_x64(True):
            (_, y), found = step(variables.get("params", {}), x, valid, pull)
        return jax.tree.map(np.asarray, (y, found))

    return run


@pytest.fixture(scope="module", params=CASES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def facts(name):
    rng = np.random.default_rng(0)
    x, gate = (rng.normal(size=(2, *GRID, CHANNELS)) for _ in range(2))
    valid = np.stack([np.ones(GRID, bool), rng.random(GRID) < 0.8])
    module = attention.build(name, **CASES[name].options)
    with jax.enable_x64(True):
        variables = random_variables(module, x, seed=1)
    return Facts(module, variables, x, gate, valid, gradients(module, variables, gate))


@pytest.fixture(scope="module")
def result(facts):
    """Return y and its gradients against a random direction."""
    return facts.fast(facts.x, facts.valid, direction(facts))


@pytest.fixture(scope="module")
def shown(facts):
    """Return rows, dense form and slots of some queries of one image: of each part, where there are several."""
    i = jnp.asarray(QUERIES)

    @jax.jit
    def look(x, gate):
        form = facts.module.apply(facts.variables, x, train=False, gate=gate, method="form")
        return form.rows(i), form.dense(), [part.support.at(i) for part in parts(form)]

    with jax.enable_x64(True):
        return jax.tree.map(lambda a: np.asarray(a)[:1], look(facts.x[:1], facts.gate[:1]))


def parts(form):
    """Return the one form of a mechanism; the forms of a sequence; of a joint structure that of self-attention."""
    return getattr(form, "forms", None) or [getattr(form, "self_attention", form)]


def direction(facts):
    return np.random.default_rng(2).normal(size=facts.x.shape)


def leaves(shown):
    """Return the parts of what is shown, in order."""
    return jax.tree.leaves(shown, is_leaf=lambda part: isinstance(part, attention.Dense))


def test_every_name_has_a_case():
    structures = {name for name in attention.MECHANISMS if name.startswith("ja")}  # tests/attention/test_joint.py
    assert set(attention.MECHANISMS) - structures == set(CASES) - structures


def test_the_fast_form_is_the_dense_one(facts, result, monkeypatch):
    y, found = result
    monkeypatch.setattr(protocol, "aggregate", written_out)
    slow = gradients(facts.module, facts.variables, facts.gate)
    truth, expected = slow(facts.x, facts.valid, direction(facts))
    np.testing.assert_allclose(y, truth, rtol=0, atol=1e-10 * np.abs(truth).max())
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-8 * max(np.abs(b).max(), 1e-3))


@pytest.mark.parametrize("name", some(EAGER), indirect=True)
def test_op_by_op_in_float32(facts, result):
    truth, _ = result
    variables, x, gate = jax.tree.map(np.float32, (facts.variables, facts.x, facts.gate))
    y = facts.module.apply(variables, x, train=False, valid=facts.valid, gate=gate)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, truth, rtol=0, atol=1e-5 * np.abs(truth).max())


def test_every_kernel_and_the_input_get_a_gradient(result):
    _, (of_params, of_x) = result
    for path, gradient in jax.tree_util.tree_leaves_with_path(of_params):
        assert np.isfinite(gradient).all(), jax.tree_util.keystr(path)
        # The bias of a softmax's keys adds the same to all scores of a query: its gradient is zero.
        assert path[-1].key == "bias" or np.abs(gradient).max() > 1e-6, jax.tree_util.keystr(path)
    assert (np.abs(of_x).max(-1) > 0)[0].all()


def test_masked_keys_are_never_read(facts):
    _, (_, of_x) = facts.fast(facts.x, facts.valid, direction(facts) * facts.valid[..., None])
    assert np.abs(of_x[1][~facts.valid[1]]).max() == 0
    assert np.abs(of_x[1][facts.valid[1]]).max() > 0


def test_the_jacobian_stays_inside_omega(name, facts, shown):
    _, _, slots = shown
    if len(slots) > 1:
        pytest.skip("a pass reads what the one before it gathered")
    for at, query in enumerate(QUERIES):
        pull = np.zeros_like(facts.x)
        pull[0].reshape(-1, CHANNELS)[query] = np.random.default_rng(3).normal(size=CHANNELS)
        _, (_, of_x) = facts.fast(facts.x, facts.valid, pull)
        (j, ok), reach = np.broadcast_arrays(*slots[0]), np.zeros(GRID, bool)
        one = (0, at if j.shape[1] > 1 else 0)
        reach.flat[query], reach.flat[j[one][ok[one]]] = True, True
        for place in np.argwhere(np.abs(of_x[0]).max(-1) > 0):
            assert np.abs(np.argwhere(reach) - place).max(-1).min() <= CASES[name].radius


def test_rows_are_those_of_the_dense_form(name, shown):
    rows, dense, _ = shown
    for some, whole in zip(leaves(rows), leaves(dense), strict=True):
        weights = np.moveaxis(whole.weights[0][:, QUERIES], 0, 1)
        np.testing.assert_allclose(some[0].reshape(weights.shape), weights, rtol=0, atol=1e-12)
        assert np.abs(weights).max() > 0
        if CASES[name].level == "N":
            np.testing.assert_allclose(weights.sum(-1), 1, rtol=0, atol=1e-10)
            assert weights.min() >= 0


def test_without_a_term_of_position_order_does_not_matter(name, facts):
    if FREE not in CASES[name].traits:
        pytest.skip("its weights know where a key lies")
    order = np.random.default_rng(4).permutation(GRID[0] * GRID[1])
    x, all_of_it, pull = facts.x.reshape(2, -1, CHANNELS), np.ones_like(facts.valid), direction(facts)
    y, _ = facts.fast(facts.x, all_of_it, pull)
    permuted, _ = facts.fast(x[:, order].reshape(facts.x.shape), all_of_it, pull)
    np.testing.assert_allclose(permuted.reshape(x.shape), y.reshape(x.shape)[:, order], rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", some(SOLID), indirect=True)
def test_three_dimensions(name):
    rng = np.random.default_rng(5)
    x, gate = (np.float32(rng.normal(size=(1, 2, 3, 4, CHANNELS))) for _ in range(2))
    module = attention.build(name, **CASES[name].options)
    variables = jax.tree.map(np.float32, random_variables(module, x))

    @jax.jit
    def both(x):
        form = module.apply(variables, x, train=False, gate=gate, method="form")
        return [(attention.aggregate(part), part.dense().out) for part in parts(form)]

    for y, truth in both(x):
        np.testing.assert_allclose(y.reshape(truth.shape), truth, rtol=0, atol=1e-5 * np.abs(truth).max())
