import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import KINDS, draw
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxseg.attention import Form, aggregate, lowering, lowerings
from jaxseg.attention.norms import mean, plain, softmax
from jaxseg.attention.scores import Concat, Dot, DotOfMaps, Indicator, Relative, Sum
from jaxseg.attention.supports import Cross, Everywhere, Neighborhood, Tiles, Window
from jaxseg.attention.values import Affine, Projected, Scaled

NARROW = ["convolution", "depthwise", "dot mean", "dot softmax", "relative query softmax", "tiles softmax",
          "cross mean", "window taps", "neighborhood softmax", "points projected", "everywhere taps"]  # fmt: skip
GRIDS = [(1,), (13,), (3, 5), (4, 7), (1, 6), (2, 3, 3)]


@pytest.fixture(autouse=True)
def ragged_tiles(monkeypatch):
    """Tiles that divide neither the queries nor the keys of these tests."""
    monkeypatch.setattr(lowerings.online, "CPU_TILE", (5, 4))
    monkeypatch.setattr(lowerings.gathered, "GATHERED", 300)
    monkeypatch.setattr(lowerings.cells, "CPU_CELLS", 300)
    monkeypatch.setattr(lowerings.everywhere, "LINES", 60)


def floats(tree):
    return [a for a in jax.tree.leaves(tree) if jnp.issubdtype(a.dtype, jnp.floating)]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=2)
@given(
    grid=st.sampled_from(GRIDS),
    batch=st.integers(1, 2),
    heads=st.integers(1, 3),
    masked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_every_lowering_is_eq1(kind, grid, batch, heads, masked, seed):
    drawn = draw(kind, grid, batch=batch, heads=heads, masked=masked, seed=seed)
    truth = drawn.truth()
    with jax.enable_x64(True):
        y = jax.jit(aggregate)(drawn.form)
    np.testing.assert_allclose(y.reshape(truth.shape), truth, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_dense_form(kind):
    with jax.enable_x64(True):
        drawn = draw(kind, (3, 5))
        pull = np.random.default_rng(1).normal(size=drawn.truth().shape)

        @jax.jit
        def gradients(form):
            def fast(form):
                return (aggregate(form).reshape(pull.shape) * pull).sum()

            def slow(form):
                return (form.dense().out * pull).sum()

            return [floats(jax.grad(f, allow_int=True)(form)) for f in (fast, slow)]

        fast, slow = gradients(drawn.form)
    assert fast
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)
        assert np.abs(b).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_picks_the_fast_form(kind):
    drawn = draw(kind, (6, 6))
    assert lowering(jax.tree.map(jnp.asarray, drawn.form)).name == drawn.lowering


def test_gradient_agrees_with_finite_differences():
    with jax.enable_x64(True):
        form = jax.tree.map(jnp.asarray, draw("dot softmax", (3, 5)).form)
        value = jax.jit(lambda q: jnp.sin(aggregate(form.replace(score=form.score.replace(q=q)))).sum())
        way = np.random.default_rng(1).normal(size=form.score.q.shape)
        slope = (value(form.score.q + 1e-6 * way) - value(form.score.q - 1e-6 * way)) / 2e-6
        np.testing.assert_allclose((jax.grad(value)(form.score.q) * way).sum(), slope, rtol=1e-7)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in NARROW else pytest.mark.slow) for kind in KINDS]
)
def test_bfloat16(kind):
    drawn = draw(kind, (3, 5))
    types = {"f": "bfloat16", "i": "int32", "b": bool}
    form = jax.tree.map(lambda a: jnp.asarray(a, types[a.dtype.kind]), drawn.form)
    y = jax.jit(aggregate)(form)
    truth = drawn.truth()
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(float).reshape(truth.shape), truth, atol=3e-2 * np.abs(truth).max())


def test_many_taps_are_summed_in_float32():
    x, scale = jnp.ones((1, 225, 2), jnp.bfloat16), jnp.full((225, 2), 1.01, jnp.bfloat16)
    y = aggregate(Form(Window((15, 15), (15, 15)), Indicator(), plain, Scaled(x, scale)))
    # In bfloat16 a sum of 225 ones would stick at 256 steps of 2; the middle sees all taps.
    np.testing.assert_allclose(y[0, 7, 7].astype(float), 225 * float(scale[0, 0]), rtol=4e-3)


def test_a_wide_box_holds_no_more_than_a_block(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(lowerings.gathered, "GATHERED", 2**16)
    n = 48 * 48
    for support in (Window((48, 48), (31, 31)), Neighborhood((48, 48), (31, 31))):
        form = Form(support, dot(n, 4), softmax, jnp.zeros((1, n, 1, 4)))
        step = jax.make_jaxpr(jax.value_and_grad(lambda form: aggregate(form).sum()))(form)
        assert largest(step.jaxpr) < n * 31 * 31 / 8


def test_cells_take_factors_that_all_images_share():
    for kind in ("tiles softmax", "cross softmax"):
        form = jax.tree.map(jnp.asarray, draw(kind, (3, 5), masked=False).form)
        one = jax.tree.map(lambda a: a[:1], form.score.terms[0])
        shared = form.replace(score=Sum((one, form.score.terms[1])))
        y, truth = jax.jit(lambda form: (aggregate(form), form.dense().out))(shared)
        np.testing.assert_allclose(y.reshape(truth.shape), truth, atol=1e-5)


def test_a_window_of_kernels_that_heads_share_in_part():
    rng = np.random.default_rng(0)
    for value in (Projected, Scaled):
        x, w = (
            rng.normal(size=(1, 12, 2)),
            rng.normal(size=(3, 2, 2)) if value is Projected else rng.normal(size=(3, 2)),
        )
        form = Form(Window((3, 4), (3, 3)), Indicator(), plain, value(jnp.asarray(x), jnp.asarray(w)))
        y, truth = jax.jit(lambda form: (aggregate(form), form.dense().out))(form)
        np.testing.assert_allclose(y.reshape(truth.shape), truth, atol=1e-5)


def everywhere(score, norm, *, side=48, c=8, d=8):
    n = side * side
    return Form(Everywhere((side, side), (side, side)), score(n, c), norm, jnp.zeros((1, n, 1, d)))


def dot(n, c):
    return Dot(jnp.zeros((1, n, 1, c)), jnp.zeros((1, n, 1, c)))


def offsets(n, c):
    side = math.isqrt(n)
    return Relative(jnp.zeros((2 * side - 1, 2 * side - 1, 1, c)), (side, side), (0, 1), jnp.zeros((1, n, 1, c)))


def concat(n, c):
    return Concat(jnp.zeros((1, n, 1)), jnp.zeros((1, n, 1)))


def largest(jaxpr):
    """Return the size of the largest array that a traced function makes, inner functions included."""
    sizes = [0]
    for equation in jaxpr.eqns:
        sizes += [math.prod(out.aval.shape) for out in equation.outvars]
        for parameter in jax.tree.leaves(equation.params, is_leaf=lambda p: hasattr(p, "eqns") or hasattr(p, "jaxpr")):
            inner = getattr(parameter, "jaxpr", parameter)
            if hasattr(inner, "eqns"):
                sizes.append(largest(inner))
    return max(sizes)


def tanh(a, ok):
    """A norm that the table does not know."""
    return jnp.where(ok, jnp.tanh(a), 0)


@pytest.mark.parametrize(
    ("score", "norm", "name"),
    [
        (dot, mean, "reassociated"),
        (dot, softmax, "streamed"),
        (concat, mean, "streamed"),
        (offsets, softmax, "lines"),
        (dot, tanh, "gathered"),
    ],
)
def test_nothing_of_size_queries_x_keys_is_stored(monkeypatch, score, norm, name):
    monkeypatch.undo()  # the real tiles
    monkeypatch.setattr(lowerings.gathered, "GATHERED", 2**16)
    form = everywhere(score, norm)
    assert lowering(form).name == name
    n = math.prod(form.support.queries)
    step = jax.make_jaxpr(jax.value_and_grad(lambda form: aggregate(form).sum()))(form)
    assert largest(step.jaxpr) < n * n / 16
    assert largest(jax.make_jaxpr(lambda form: form.dense())(form).jaxpr) >= n * n  # The measure sees what it must.


@pytest.mark.parametrize("support", [Tiles((48, 48), (40, 40), (3, 3)), Cross((48, 48))])
def test_cells_hold_no_more_than_their_tiles(monkeypatch, support):
    monkeypatch.undo()
    n = 48 * 48
    form = Form(support, dot(n, 4), softmax, jnp.zeros((1, n, 1, 4)))
    step = jax.make_jaxpr(jax.value_and_grad(lambda form: aggregate(form).sum()))(form)
    assert largest(step.jaxpr) < n * n / 16


@pytest.mark.parametrize("masked", [False, True])
def test_the_fused_kernel_is_called_as_eq1(masked):
    """By the same call in XLA: the kernel itself runs on GPUs alone."""
    drawn = draw("dot softmax", (3, 5), masked=masked)
    form = jax.tree.map(lambda a: jnp.asarray(a, bool if a.dtype == bool else "float32"), drawn.form)
    y = lowerings.everywhere.fused(form, implementation="xla")
    np.testing.assert_allclose(y, drawn.truth(), atol=1e-5)


def test_the_cheaper_order_is_taken_by_count():
    # N = 16^2 queries of width 1056, the deepest skip of the paper's network: 0.14 against 0.57 G multiply-adds.
    deep, shallow = everywhere(dot, mean, side=16, c=1056, d=1056), everywhere(dot, mean, side=128, c=48, d=48)
    macs = {row.name: row.macs for row in lowerings.TABLE}
    assert lowering(deep).name == "streamed"
    assert macs["streamed"](deep) == 256 * 256 * 2 * 1056
    assert macs["reassociated"](deep) == 2 * 256 * 1056**2
    assert lowering(shallow).name == "reassociated"


def test_both_orders_agree():
    with jax.enable_x64(True):
        form = jax.tree.map(jnp.asarray, draw("dot mean", (3, 5)).form)
        rows = [row for row in lowerings.TABLE if row.fits(form)]
        assert [row.name for row in rows] == ["reassociated", "streamed", "gathered"]
        for row in rows[1:]:
            np.testing.assert_allclose(row.run(form), rows[0].run(form), rtol=0, atol=1e-12)


def summed(form):
    y = aggregate(form)
    return (y**2).sum(), y


def test_large_scores_do_not_overflow():
    # Features after a ReLU have large, positive products; exp(1e4) is no float.
    rng = np.random.default_rng(0)
    x = np.abs(rng.normal(size=(1, 12, 1, 8))) * 40
    form = Form(Everywhere((12,), (12,)), Dot(jnp.asarray(x), jnp.asarray(x)), softmax, jnp.asarray(x))
    with jax.enable_x64(True):
        truth = jax.tree.map(lambda a: jnp.asarray(a, float), form).dense().out
    gradient, y = jax.jit(jax.grad(summed, has_aux=True))(form)
    np.testing.assert_allclose(y.reshape(truth.shape), truth, rtol=1e-4)
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(gradient))


@pytest.mark.parametrize("kind", ["convolution", "dot mean", "dot softmax", "concat mean", "window dot softmax"])
def test_an_image_without_any_key_gives_zeros(kind):
    drawn = draw(kind, (3, 5), masked=False)
    valid = np.ones(drawn.values.shape[:2], bool)
    valid[1] = False
    form = jax.tree.map(jnp.asarray, drawn.form.replace(valid=valid))
    gradient, y = jax.jit(
        jax.grad(lambda form: (aggregate(form).sum(), aggregate(form)), has_aux=True, allow_int=True)
    )(form)
    assert (np.asarray(y[1]) == 0).all()
    assert (np.asarray(y[0]) != 0).any()
    assert all(np.isfinite(a).all() for a in floats(gradient))


def test_forms_pass_through_transformations():
    with jax.enable_x64(True):
        form = jax.tree.map(jnp.asarray, draw("dot softmax", (3, 5)).form)
        y = aggregate(form)
        singles = jax.tree.map(lambda a: a[:, None], form)
        np.testing.assert_allclose(jax.vmap(aggregate)(singles)[:, 0], y, rtol=0, atol=1e-12)
        np.testing.assert_allclose(jax.jit(jax.checkpoint(aggregate))(form), y, rtol=0, atol=1e-12)
        tangent = jax.tree.map(lambda a: np.zeros(a.shape, jax.dtypes.float0) if a.dtype == bool else a, form)
        _, forward = jax.jvp(aggregate, (form,), (tangent,))
        step = jax.tree.map(lambda a: a if a.dtype == bool else a * (1 + 1e-7), form)
        np.testing.assert_allclose(forward, (aggregate(step) - y) / 1e-7, rtol=1e-4, atol=1e-5)


def test_values_with_a_wrong_number_of_heads_are_refused():
    form = everywhere(dot, mean, side=3)
    with pytest.raises(ValueError, match="values have 3 heads and the weights 1"):
        aggregate(form.replace(value=Projected(jnp.zeros((1, 9, 2)), jnp.zeros((3, 2, 2)))))
    with pytest.raises(ValueError, match="1 heads do not split into 2 groups"):
        aggregate(form.replace(groups=2))


def test_moments_keep_their_digits_beside_a_large_mean():
    """Maps whose biases take the features' mean away, 300 deviations, as after a normalisation without one."""
    rng = np.random.default_rng(0)
    x, kernels = rng.normal(size=(1, 24 * 24, 8)) + 300, rng.normal(size=(3, 8, 6))

    def form(dtype):
        maps = [Affine(x.astype(dtype), kernel.astype(dtype), -300 * kernel.sum(0).astype(dtype)) for kernel in kernels]
        return Form(Everywhere((24, 24), (24, 24)), DotOfMaps(*maps[:2]), mean, maps[2])

    assert lowering(form("float32")).name == "moments"
    with jax.enable_x64(True):
        truth = jax.jit(lowerings.everywhere.streamed)(form("float64")).reshape(1, 24, 24, 6)
    found = jax.jit(aggregate)(form("float32"))
    np.testing.assert_allclose(found, truth, atol=1e-3 * np.abs(truth).max())
