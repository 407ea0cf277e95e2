import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from recorded import channels_last, linear, recorded

from jaxseg.attention import Dot, OfKey, Sum, build

TERMS = [f"{subset:04b}" for subset in range(1, 16)]


def variables(ref, terms):
    """Return the reference's weights; its first table of offsets is of columns, its second of rows."""
    query_key, query_offset, key, offset = (bit == "1" for bit in terms)
    factors = {"value": linear(ref, "value_conv")}
    if query_key or query_offset:
        factors["query"] = linear(ref, "query_conv")
    if query_key or key:
        factors["key"] = linear(ref, "key_conv")
    if query_offset or offset:
        factors["offset_0"], factors["offset_1"] = (ref[f"appr_geom_fc_{axis}.weight"].T for axis in "yx")
    if key:
        factors["u"] = ref["appr_bias"].reshape(2, 4)
    if offset:
        factors["v"] = ref["geom_bias"].reshape(2, 4)
    return {
        "params": {"factors": factors, "output": {"w_o": linear(ref, "proj_conv"), "gain": {"gamma": ref["gamma"]}}}
    }


@pytest.mark.parametrize("terms", TERMS)
def test_every_subset_of_terms_is_the_reference(terms):
    ref = recorded("generalized")
    weights = variables(ref, terms)
    module, output = build("generalized", terms=terms, heads=2), weights["params"]["output"]
    with jax.enable_x64(True):
        x = channels_last(ref["x"])
        attended = np.asarray(module.apply(weights, x, method="form").dense().out).reshape(x.shape)
    added = attended @ output["w_o"]["kernel"] + output["w_o"]["bias"]
    # The outputs are float32.
    y = np.moveaxis(ref["x"], 1, -1) + ref["gamma"] * added
    np.testing.assert_allclose(y, np.moveaxis(ref[f"y {terms}"], 1, -1), atol=1e-6)


@pytest.mark.parametrize(
    ("stored", "options"), [("strided", {"kv_stride": 2}), ("magnified", {"terms": "0101", "magnitude": 0.5})]
)
def test_the_options_are_the_references(stored, options):
    ref = recorded("generalized")
    weights, module = variables(ref, options.get("terms", "1111")), build("generalized", heads=2, **options)
    with jax.enable_x64(True):
        y = module.apply(weights, channels_last(ref["x"]), train=False)
        np.testing.assert_allclose(y, channels_last(ref[stored]), atol=1e-6)


def test_a_subset_is_the_score_it_needs():
    x = jnp.ones((1, 3, 5, 8))
    kinds = {terms: type(form(terms, x).score) for terms in ("0010", "1010", "0001", "0011", "1111")}
    assert kinds == {"0010": OfKey, "1010": Dot, "0001": Dot, "0011": Sum, "1111": Sum}
    # Two features for each of the C / 4 waves of both axes, whatever the size of the grid.
    assert form("0001", x).score.k.shape == (1, 15, 1, 8)


def form(terms, x, **options):
    module = build("generalized", terms=terms, heads=2, **options)
    return module.apply(random_variables(module, x), x, method="form")


def test_offsets_reach_every_axis_of_a_volume():
    x = np.random.default_rng(0).normal(size=(1, 2, 3, 2, 8))
    with jax.enable_x64(True):
        module = build("generalized", terms="0100", heads=1)
        weights = random_variables(module, x)
        p = weights["params"]["factors"]
        a = module.apply(weights, jnp.asarray(x), method="form").score(jnp.arange(12), jnp.arange(12)[None, None, None])
    places = np.indices((2, 3, 2)).reshape(3, -1).T
    for i, j in np.ndindex(12, 12):
        energy = 0
        for axis, offset in enumerate(places[i] - places[j]):
            angles = offset / 1000 ** (np.arange(2) / 2)
            encoded = np.concatenate([np.sin(angles), np.cos(angles)]) @ p[f"offset_{axis}"] / np.sqrt(3)
            energy += x.reshape(12, 8)[i] @ p["query"]["kernel"] @ encoded
        np.testing.assert_allclose(a[0, i, 0, j], energy, atol=1e-10)


def test_a_range_cuts_the_softmax():
    x = np.random.default_rng(0).normal(size=(1, 3, 5, 8))
    with jax.enable_x64(True):
        x = jnp.asarray(x)
        whole, cut = form("1111", x).dense().weights, form("1111", x, spatial_range=1).dense().weights
    rows, columns = np.indices((3, 5)).reshape(2, -1)
    near = (abs(rows[:, None] - rows) <= 1) & (abs(columns[:, None] - columns) <= 1)
    expected = np.where(near, whole, 0)
    np.testing.assert_allclose(cut, expected / expected.sum(-1, keepdims=True), atol=1e-10)


def test_the_block_starts_as_the_identity():
    x = jnp.ones((1, 2, 3, 4))
    added, _ = build("generalized").output.init_with_output(jax.random.key(0), x, x, train=False)
    np.testing.assert_array_equal(added, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"terms": "0000"}, "terms is '0000'; choose one of '0001', '0010', '0011'"),
        ({"terms": "111"}, "terms is '111'; choose one of"),
        ({"heads": 0}, "heads is 0; it must be at least 1"),
        ({"spatial_range": -1}, "spatial_range is -1 and kv_stride 1; a range is at least 0"),
        ({"spatial_range": 1, "kv_stride": 2}, "spatial_range is 1 and kv_stride 2; a range is at least 0, and needs"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build("generalized", **options)


def test_a_side_beyond_the_span_is_refused():
    x = jnp.ones((1, 3, 5, 4))
    with pytest.raises(ValueError, match=r"the grid \(3, 5\) has a side longer than span 4.*span=5 or more"):
        form("0100", x, span=4)
    form("1010", x, span=4)  # No term of these looks at offsets.
