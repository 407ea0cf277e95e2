import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import KINDS, draw, random_variables

from jaxseg.attention import build, dense, gate_maps, rows

X = np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype(np.float32)
VALID = np.ones((1, 3, 4), bool)
VALID[:, 2] = False


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_the_oracles(kind):
    drawn = draw(kind, (3, 4), seed=3)
    i = np.array([7, 0, 11])
    with jax.enable_x64(True):
        found = jax.jit(lambda form, i: form.rows(i))(drawn.form, i)
    np.testing.assert_allclose(found.reshape(*found.shape[:3], -1), drawn.rows()[:, i], atol=1e-12)


@pytest.mark.parametrize("name", ["none", "pwa", "pwa_linear", "conv3x3", "sa", "nonlocal_embedded"])
def test_rows_of_a_module_are_those_of_its_dense_form(name):
    module, x = build(name), jnp.asarray(X)
    variables = random_variables(module, X)
    written = dense(module, variables, x)
    heads, n, p = written.weights.shape
    assert (n, p) == (12, 12)
    assert written.values.shape[:2] in [(12, 1), (12, heads)]
    picked = rows(module, variables, x, [[2, 1], [0, 3]])
    assert picked.shape == (2, heads, 3, 4)
    np.testing.assert_allclose(picked.reshape(2, heads, 12), written.weights[:, [9, 3]].swapaxes(0, 1), atol=1e-6)
    np.testing.assert_array_equal(picked, rows(module, variables, x[0], np.array([9, 3])))  # flat, and no batch axis


def test_out_is_what_follows_eq1():
    module, x = build("sa", use_bn=False), jnp.asarray(X)
    variables = random_variables(module, X)
    w_z = variables["params"]["output"]["w_z"]
    y = (dense(module, variables, x).out @ w_z["kernel"] + w_z["bias"]).reshape(X.shape) + X
    np.testing.assert_allclose(module.apply(variables, x, train=False), y, atol=1e-5)


def test_softmax_rows_sum_to_one_over_the_keys_that_exist():
    module = build("nonlocal_embedded")
    found = rows(module, random_variables(module, X), jnp.asarray(X), range(12), valid=jnp.asarray(VALID))
    np.testing.assert_allclose(found.sum((2, 3)), 1, rtol=1e-6)
    assert (found[:, :, 2] == 0).all()
    assert (found[:, :, :2] > 0).all()


def test_the_mean_counts_the_keys_that_exist():
    module = build("sa")
    variables = random_variables(module, X)
    whole = rows(module, variables, jnp.asarray(X), [5])
    masked = rows(module, variables, jnp.asarray(X), [5], valid=jnp.asarray(VALID))
    np.testing.assert_allclose(masked[:, :, :2], whole[:, :, :2] * 12 / 8, rtol=1e-5)


def test_a_joint_structure_shows_its_parts_by_name():
    module, x = build("ja9", activation="identity"), jnp.asarray(X)
    variables = random_variables(module, X)
    picked, written = rows(module, variables, x, [[1, 2]]), dense(module, variables, x)
    assert picked._fields == ("point_wise", "self", "composed")
    for row, part in zip(picked, written, strict=True):
        assert row.shape == (1, 1, 3, 4)
        np.testing.assert_allclose(row.reshape(12), part.weights[0, 6], atol=1e-6)
    assert np.count_nonzero(picked.point_wise) == 1


def test_pooled_keys_have_their_own_grid_and_no_composition():
    module = build("ja9", pool="pre")
    picked = rows(module, random_variables(module, X), jnp.asarray(X), [[1, 2]])
    assert picked.self.shape == (1, 1, 1, 2)
    assert picked.point_wise.shape == (1, 1, 3, 4)
    assert picked.composed is None


@pytest.mark.parametrize(("name", "part"), [("pwa", ""), ("bam", ""), ("conv1x1", ""), ("ja5", "point_wise")])
def test_a_gate_is_the_diagonal_of_its_weights(name, part):
    module, x = build(name), jnp.asarray(X)
    variables = random_variables(module, X)
    found, written = gate_maps(module, variables, x), dense(module, variables, x)
    weights = np.asarray((getattr(written, part) if part else written).weights)
    assert list(found) == [part]
    assert found[part].shape == (len(weights), 3, 4)
    np.testing.assert_allclose(found[part].reshape(-1, 12), weights.diagonal(0, 1, 2), rtol=1e-5)
    masked = gate_maps(module, variables, X[0], valid=VALID[0])[part]
    assert (masked[:, 2] == 0).all()
    assert (masked[:, :2] != 0).all()


@pytest.mark.parametrize("name", ["sa", "conv3x3", "axial"])
def test_what_is_not_point_wise_has_no_gate(name):
    module = build(name)
    assert gate_maps(module, random_variables(module, X), X) == {}


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([[3, 0]], r"position \[3, 0\] is off the grid \(3, 4\)"),
        ([12], r"position \[12\] is off the grid \(3, 4\) of 12 queries"),
        ([-1], r"position \[-1\] is off the grid"),
        ([[0, 0, 0]], r"positions have shape \(1, 3\)"),
        ([0.5], "type float64; give integers"),
    ],
)
def test_wrong_positions_are_refused(positions, message):
    with pytest.raises(ValueError, match=message):
        rows(build("none"), {}, jnp.asarray(X), positions)


def test_an_image_needs_no_batch_axis():
    row = X[:, :1]  # an image of a single row, with its batch axis and without
    for x, valid in ((row, VALID[:, :1]), (row[0], VALID[0, :1])):
        assert rows(build("none"), {}, x, [[0, 3]], valid=valid).shape == (1, 1, 1, 4)
    volume = np.stack([X[0]] * 2)
    assert rows(build("none"), {}, volume, [[1, 0, 3]]).shape == (1, 1, 2, 3, 4)


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match=r"x has shape \(1, 4\); give one image"):
        rows(build("none"), {}, jnp.zeros((1, 4)), [0])
    with pytest.raises(ValueError, match="give one image"):
        rows(build("none"), {}, jnp.zeros(4), [0])
