from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from flax.traverse_util import flatten_dict
from recorded import channels_last, linear, norm, recorded

from jaxseg.attention import build
from jaxseg.attention.mechanisms.axial import LogitGain, logit_moments
from jaxseg.layers import Numerics

HEADS = 2  # of the reference: 8 channels, widths 2 and 4


def line(ref, step, span):
    """Return parameters and statistics of one pass; the source's tables for q and v are by i - j, ours by j - i."""
    own = {name.removeprefix(f"{step}."): array for name, array in ref.items() if name.startswith(f"{step}.")}
    missing = span - (own["relative"].shape[1] + 1) // 2
    q, k, v = np.split(np.pad(own["relative"].T, [(missing, missing), (0, 0)]), [2, 4], axis=1)
    scales, variances = (own[f"bn_similarity.{name}"].reshape(3, HEADS) for name in ("weight", "running_var"))
    names = ("dot_norm", "q_norm", "k_norm")
    qkv, of_qkv = norm(own, "bn_qkv")
    factors = {"qkv": linear(own, "qkv_transform"), "qkv_norm": qkv, "q_table": q[::-1], "k_table": k}
    factors |= {name: {"scale": scale} for name, scale in zip(names, scales, strict=True)}
    statistics = {name: {"var": var} for name, var in zip(names, variances, strict=True)} | {"qkv_norm": of_qkv}
    both = norm(own, "bn_output")
    value, table = ({name: array[at::2] for name, array in half.items()} for at in (0, 1) for half in both[:1])
    of_value, of_table = ({name: array[at::2] for name, array in both[1].items()} for at in (0, 1))
    output = {"value_norm": value, "table_norm": table, "table": v[::-1]}
    of_output = {"value_norm": of_value, "table_norm": of_table}
    return {"factors": factors, "output": output}, {"factors": statistics, "output": of_output}


def test_axial_is_its_authors():
    ref = recorded("axial")
    lines = [line(ref, step, span=6) for step in range(2)]
    params, statistics = ({f"steps_{step}": both[kind] for step, both in enumerate(lines)} for kind in range(2))
    variables, module = {"params": params, "batch_stats": statistics}, build("axial", span=6, heads=HEADS)
    with jax.enable_x64(True):
        x = channels_last(ref["x"])
        y = jax.jit(partial(module.apply, train=False))(variables, x)
        np.testing.assert_allclose(y, channels_last(ref["y"]), atol=1e-10)
        y, updated = jax.jit(partial(module.apply, train=True, mutable=["batch_stats"]))(variables, x)
    np.testing.assert_allclose(y, channels_last(ref["train"]), atol=1e-10)
    before, after = (flatten_dict(tree["batch_stats"]) for tree in (variables, updated))
    assert all((before[path] != np.asarray(after[path])).all() for path in before)


def test_moments_are_those_of_the_logits():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4, 2, 5)), rng.normal(size=(3, 6, 1, 5))
    logits = np.einsum("gnmc,ghmc->mgnh", a, np.broadcast_to(b, (3, 6, 2, 5))).reshape(2, -1)
    found = logit_moments(jnp.asarray(a, jnp.float32), jnp.asarray(b, jnp.float32))
    np.testing.assert_allclose(found, [logits.mean(1), logits.var(1)], rtol=1e-4, atol=1e-5)


def test_the_variance_of_logits_stands_beside_any_mean():
    rng = np.random.default_rng(0)
    a, b = (np.asarray(1000 + rng.normal(size=(3, 8, 2, 5)), np.float32) for _ in range(2))
    logits = np.einsum("gnmc,ghmc->mgnh", a.astype(np.float64), b.astype(np.float64)).reshape(2, -1)
    _, var = logit_moments(jnp.asarray(a), jnp.asarray(b))
    np.testing.assert_allclose(var, logits.var(1), rtol=5e-5)


def test_statistics_are_those_of_all_devices():
    rng = np.random.default_rng(0)
    a, b = (jnp.asarray(rng.normal(size=(4, 3, 2, 5)), jnp.float32) for _ in range(2))

    def gain(a, b, axis_name=None):
        module = LogitGain(Numerics(axis_name=axis_name))
        return module.apply(
            module.init(jax.random.key(0), a, b, train=False), a, b, train=True, mutable=["batch_stats"]
        )

    apart = jax.vmap(partial(gain, axis_name="devices"), axis_name="devices")(
        *(c.reshape(2, 2, 3, 2, 5) for c in (a, b))
    )
    for one, whole in zip(jax.tree.leaves(apart), jax.tree.leaves(gain(a, b)), strict=True):
        np.testing.assert_allclose(one, jnp.stack([whole, whole]), rtol=1e-5)


@pytest.mark.parametrize("options", [{"position": "qk", "logit_norm": False}, {"position": "none"}])
def test_the_variants_leave_out_what_they_say(options):
    x = np.ones((1, 2, 3, 4), np.float32)
    names = {"/".join(path[2:]) for path in flatten_dict(random_variables(build("axial", **options), x)["params"])}
    tables = {"q_table", "k_table"} if options["position"] == "qk" else {"dot_norm/scale"}
    norms = {"qkv_norm/scale", "qkv_norm/bias", "value_norm/scale", "value_norm/bias"}
    assert names == {"qkv/kernel"} | norms | tables


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"span": 0}, "span is 0; it must be at least 1"),
        ({"position": "v"}, "position is 'v'; choose one of full, qk, none"),
        ({"axes": (1, 1)}, r"axes are \(1, 1\); give each axis once, counted from 0"),
        ({"axes": (0, 2)}, "x has 2 spatial axes, so axis 2 is none of them"),
        ({"heads": 3}, "heads is 3, which does not divide the 4 channels of x"),
        ({"span": 5}, "a side longer than span 5, .* build it with span=6 or more"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        random_variables(build("axial", **options), np.ones((1, 2, 6, 4)))
