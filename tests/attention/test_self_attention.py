from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from drawing import random_variables

from jaxseg.attention import MECHANISMS, build

PAIRWISE = {"dot": oracles.mean, "gaussian": oracles.softmax, "embedded": oracles.softmax, "concat": oracles.mean}


def pooled(x, valid):
    """Max-pool [rows, columns, ...] by 2 x 2 over valid entries, in loops; a ragged border is dropped."""
    rows, columns = x.shape[0] // 2, x.shape[1] // 2
    y, ok = np.zeros((rows, columns, *x.shape[2:])), np.zeros((rows, columns), bool)
    for r, c in np.ndindex(rows, columns):
        cell, there = x[2 * r : 2 * r + 2, 2 * c : 2 * c + 2], valid[2 * r : 2 * r + 2, 2 * c : 2 * c + 2]
        ok[r, c] = there.any()
        if there.any():
            y[r, c] = cell[there].max(0)
    return y, ok


def block(x, valid, variables, *, pairwise, pool="none", scale=False):
    """Return S(x) + x of one image [rows, columns, channels], written from section 2.1 of the paper."""
    p = variables["params"]
    dense = {
        name: lambda a, k=k: a @ k["kernel"] + k.get("bias", 0) for name, k in p["factors"].items() if name != "w_f"
    }
    dense.setdefault("theta", lambda a: a)
    dense.setdefault("phi", lambda a: a)
    source, ok = pooled(x, valid) if pool == "pre" else (x, valid)
    theta, phi, g = dense["theta"](x), dense["phi"](source), dense["g"](source)
    if pool == "post":
        (phi, ok), (g, _) = pooled(phi, valid), pooled(g, valid)
    theta, phi, g = (a.reshape(-1, a.shape[-1]) for a in (theta, phi, g))
    w_f = p["factors"].get("w_f")

    def score(i, slot, j, m):
        if pairwise == "concat":
            return max((np.concatenate([theta[i], phi[j]]) @ w_f)[0], 0)
        return theta[i] @ phi[j] * (theta.shape[-1] ** -0.5 if scale else 1)

    regions = oracles.everywhere(len(theta), len(phi))
    y = oracles.eq1(regions, score, PAIRWISE[pairwise], g[:, None], ok.ravel())
    z = y @ p["output"]["w_z"]["kernel"] + p["output"]["w_z"].get("bias", 0)
    if "norm" in p["output"]:
        gain, state = p["output"]["norm"], variables["batch_stats"]["output"]["norm"]
        z = (z - state["mean"]) / np.sqrt(state["var"] + 1e-5) * gain["scale"] + gain["bias"]
    return z.reshape(x.shape) + x


@pytest.mark.parametrize(
    "options",
    [
        {"pairwise": "dot"},
        {"pairwise": "dot", "pool": "pre"},
        {"pairwise": "dot", "pool": "post", "inner": 3, "use_bias": False},
        {"pairwise": "gaussian", "pool": "pre"},
        {"pairwise": "gaussian", "pool": "post"},
        {"pairwise": "embedded", "scale": True},
        {"pairwise": "embedded", "pool": "post", "use_bn": False},
        {"pairwise": "concat"},
        {"pairwise": "concat", "pool": "pre", "inner": 5},
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_the_block_is_its_formula(options):
    rng = np.random.default_rng(0)
    x, valid = rng.normal(size=(2, 5, 6, 8)), rng.random((2, 5, 6)) < 0.6
    module = build("sa", **options)
    variables = random_variables(module, x)
    with jax.enable_x64(True):
        y = jax.jit(partial(module.apply, train=False))(variables, jnp.asarray(x), valid=jnp.asarray(valid))
    formula = {name: options[name] for name in ("pairwise", "pool", "scale") if name in options}
    for image in range(2):
        np.testing.assert_allclose(y[image], block(x[image], valid[image], variables, **formula), atol=1e-10)


@pytest.mark.parametrize("pairwise", PAIRWISE)
def test_the_names_are_the_pairwise_functions(pairwise):
    assert MECHANISMS[f"nonlocal_{pairwise}"](pool="pre") == MECHANISMS["sa"](pairwise=pairwise, pool="pre")


@pytest.mark.parametrize(("channels", "count"), [(96, 18_864), (384, 296_640), (768, 1_183_104), (2112, 8_930_592)])
def test_parameter_counts(channels, count):
    x = jax.ShapeDtypeStruct((1, 2, 2, channels), jnp.float32)
    params = jax.eval_shape(partial(build("sa").init, train=False), jax.random.key(0), x)["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_one_channel_keeps_one_inner_channel():
    params = build("sa").init(jax.random.key(0), jnp.ones((1, 2, 1, 1)), train=False)["params"]
    assert params["factors"]["g"]["kernel"].shape == (1, 1)


@pytest.mark.parametrize("options", [{}, {"use_bn": False}])
def test_the_block_starts_as_the_identity(options):
    x = jax.random.normal(jax.random.key(0), (2, 3, 4, 4))
    for gamma, same in ((0.0, True), (1.0, False)):
        module = build("sa", gamma_init=gamma, **options)
        y = module.apply(module.init(jax.random.key(1), x, train=False), x, train=False)
        assert np.allclose(y, x) == same


@pytest.mark.parametrize("pairwise", PAIRWISE)
def test_self_attention_ignores_position(pairwise):
    module, x = build("sa", pairwise=pairwise), jax.random.normal(jax.random.key(0), (1, 12, 1, 4))
    variables, order = random_variables(module, x), np.random.default_rng(0).permutation(12)
    apply = jax.jit(partial(module.apply, variables, train=False))
    np.testing.assert_allclose(apply(x[:, order]), apply(x)[:, order], atol=1e-5)


def test_pooling_takes_one_side_an_axis():
    x = jax.random.normal(jax.random.key(0), (1, 4, 1, 7, 2))
    module = build("sa", pool="pre", pool_size=(1, 2, 3))
    form = module.apply(random_variables(module, x), x, method="form")
    assert form.support.keys == (4, 1, 2)  # A side of one is not pooled away.
    with pytest.raises(ValueError, match="pool_size has 2 entries and x 3 spatial dimensions"):
        build("sa", pool="pre", pool_size=[2, 2]).init(jax.random.key(0), x, train=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairwise": "cosine"}, "pairwise is 'cosine'; choose one of dot, gaussian, embedded, concat"),
        ({"pool": "mid"}, "pool is 'mid'"),
        ({"scale": True}, "scale divides the logits of a softmax, and 'dot' has none"),
        ({"inner": 0}, "inner is 0"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build("sa", **options)
