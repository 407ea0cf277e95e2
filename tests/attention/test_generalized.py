from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from recorded import channels_last, linear, recorded, written_out

from jaxseg.attention import build, dense
from jaxseg.attention.scores import Dot, OfKey

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


def test_every_subset_of_terms_is_the_reference():
    ref = recorded("generalized")
    chosen = {f"y {terms}": {"terms": terms} for terms in TERMS}
    chosen |= {"strided": {"kv_stride": 2}, "magnified": {"terms": "0101", "magnitude": 0.5}}
    modules = {stored: build("generalized", heads=2, **options) for stored, options in chosen.items()}
    weights = {stored: variables(ref, options.get("terms", "1111")) for stored, options in chosen.items()}

    @jax.jit  # one compilation
    def attend(weights, x):
        return {stored: written_out(module, weights[stored], x, train=False) for stored, module in modules.items()}

    with jax.enable_x64(True):
        for stored, y in attend(weights, channels_last(ref["x"])).items():
            # The outputs are float32.
            np.testing.assert_allclose(y, channels_last(ref[stored]), atol=1e-6, err_msg=stored)


@pytest.mark.parametrize(("terms", "kind"), [("0010", OfKey), ("1010", Dot), ("0001", Dot), ("0011", Dot)])
def test_a_subset_is_the_score_it_needs(terms, kind):
    module, x = build("generalized", terms=terms, heads=2), jnp.ones((1, 3, 5, 8))
    form = jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x, method="form")[0], x)
    assert type(form.score) is kind
    if terms == "0001":  # Two features for each of the C / 4 waves of both axes, whatever the size of the grid.
        assert form.score.k.shape == (1, 15, 1, 8)


def test_offsets_alone_weigh_all_images_alike():
    module, x = build("generalized", terms="0001", heads=2), np.random.default_rng(0).normal(size=(2, 3, 5, 8))
    variables = random_variables(module, x)
    with jax.enable_x64(True):
        y = jax.jit(partial(module.apply, train=False))(variables, x)
        np.testing.assert_allclose(y, written_out(module, variables, jnp.asarray(x), train=False), atol=1e-10)


def test_offsets_reach_every_axis_of_a_volume():
    x = np.random.default_rng(0).normal(size=(1, 2, 3, 2, 8))
    with jax.enable_x64(True):
        module = build("generalized", terms="0100", heads=1)
        weights = random_variables(module, x)
        a = np.asarray(dense(module, weights, x).weights[0])
    p, places = weights["params"]["factors"], np.indices((2, 3, 2)).reshape(3, -1).T
    energies = np.zeros((12, 12))
    for i, j in np.ndindex(12, 12):
        for axis, offset in enumerate(places[i] - places[j]):
            angles = offset / 1000 ** (np.arange(2) / 2)
            encoded = np.concatenate([np.sin(angles), np.cos(angles)]) @ p[f"offset_{axis}"] / np.sqrt(3)
            energies[i, j] += x.reshape(12, 8)[i] @ p["query"]["kernel"] @ encoded
    expected = np.exp(energies)
    np.testing.assert_allclose(a, expected / expected.sum(-1, keepdims=True), atol=1e-10)


def test_a_range_cuts_the_softmax():
    ref = recorded("generalized")
    ranges = [build("generalized", heads=2, spatial_range=reach) for reach in (None, 1)]
    with jax.enable_x64(True):
        x = channels_last(ref["x"])
        whole, cut = (np.asarray(dense(module, variables(ref, "1111"), x).weights) for module in ranges)
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
        ({"terms": "0000"}, r"terms is '0000' \(did you mean .*\); choose one of 0001, 0010, 0011"),
        ({"terms": "111"}, r"terms is '111' \(did you mean '1111'\?\); choose one of"),
        ({"heads": 0}, "heads is 0; it must be at least 1"),
        ({"spatial_range": -1}, "spatial_range is -1 and kv_stride 1; a range is at least 0"),
        ({"spatial_range": 1, "kv_stride": 2}, "spatial_range is 1 and kv_stride 2; a range is at least 0, and needs"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build("generalized", **options)


@pytest.mark.parametrize("terms", ["0100", "1010"])
def test_a_side_beyond_the_span_is_refused(terms):
    x = jax.ShapeDtypeStruct((1, 3, 5, 4), jnp.float32)
    init = partial(build("generalized", terms=terms, span=4).init, train=False)
    if terms == "1010":  # None of these looks at offsets.
        jax.eval_shape(init, jax.random.key(0), x)
        return
    with pytest.raises(ValueError, match=r"the grid \(3, 5\) has a side longer than span 4.*span=5 or more"):
        jax.eval_shape(init, jax.random.key(0), x)
