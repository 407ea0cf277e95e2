from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from recorded import channels_last, linear, recorded, written_out

from jaxseg.attention import Form, build, dense
from jaxseg.attention.lowerings.everywhere import fused
from jaxseg.attention.norms import softmax
from jaxseg.attention.scores import Dot
from jaxseg.attention.supports import Everywhere


def block(weights, query, key, value, output):
    factors = {"query": query, "key": key, "value": value}
    return {"params": {"factors": factors, "output": {"w_z": linear(weights, output)}}}


def test_multi_head_is_torchs():
    ref = recorded("multi_head")
    kernels, biases = np.split(ref["in_proj_weight"], 3), np.split(ref["in_proj_bias"], 3)
    projections = ({"kernel": kernel.T, "bias": bias} for kernel, bias in zip(kernels, biases, strict=True))
    variables, module = block(ref, *projections, "out_proj"), build("multi_head", heads=2)
    with jax.enable_x64(True):
        x, y = jnp.asarray(ref["x"])[:, :, None], ref["y"][:, :, None]
        np.testing.assert_allclose(written_out(module, variables, x, train=False), y, atol=1e-10)
        masked = written_out(module, variables, x, train=False, valid=ref["valid"][:, :, None])
        np.testing.assert_allclose(masked, ref["masked"][:, :, None], atol=1e-10)
        np.testing.assert_allclose(dense(module, variables, x[:1]).weights, ref["weights"], atol=1e-10)


def test_linear_attention_is_fast_transformers():
    ref = recorded("linear_attention")
    projections = (linear(ref, f"{name}_projection") for name in ("query", "key", "value"))
    variables = block(ref, *projections, "out_projection")
    module = build("linear_attention", heads=2, width=3, value_width=5)
    with jax.enable_x64(True):
        x, y = jnp.asarray(ref["x"])[:, :, None], ref["y"][:, :, None]
        # Its divisor has 1e-6 more.
        np.testing.assert_allclose(module.apply(variables, x, train=False), y, atol=1e-6)
        masked = module.apply(variables, x, train=False, valid=ref["valid"][:, :, None])
        np.testing.assert_allclose(masked, ref["masked"][:, :, None], atol=1e-6)


def test_efficient_attention_is_its_authors():
    ref = recorded("efficient_attention")
    variables = block(ref, *(linear(ref, name) for name in ("queries", "keys", "values")), "reprojection")
    module = build("efficient_attention", heads=2, width=3, value_width=5)
    valid = np.arange(5) < np.array([[[4]], [[0]]]) + np.zeros((2, 3, 1))
    with jax.enable_x64(True):
        x = channels_last(ref["x"])
        np.testing.assert_allclose(written_out(module, variables, x, train=False), channels_last(ref["y"]), atol=1e-10)
        weights = [np.asarray(dense(module, variables, x[b], valid=valid[b]).weights) for b in (0, 1)]
    np.testing.assert_allclose(weights[0].sum(-1), 1, atol=1e-10)
    np.testing.assert_array_equal(weights[0].reshape(2, 15, 3, 5)[..., 4], 0)
    np.testing.assert_array_equal(weights[1], 0)  # No key: nothing is read.


def test_a_feature_far_below_zero_keeps_its_weight():
    ref = recorded("linear_attention")
    projections = (linear(ref, f"{name}_projection") for name in ("query", "key", "value"))
    variables = block(ref, *projections, "out_projection")
    variables["params"]["factors"]["query"]["bias"] = np.full(6, -40, np.float32)  # elu is -1 here, to the last digit.
    module = build("linear_attention", heads=2, width=3, value_width=5)
    weights = dense(module, variables, ref["x"][:1, :, None].astype(np.float32)).weights
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "options", "heads", "width"), [(3, {}, 1, 3), (96, {}, 3, 32), (8, {"heads": 8}, 8, 1)]
)
def test_heads_and_widths(channels, options, heads, width):
    x = jnp.ones((1, 2, 1, channels))
    init = partial(build("linear_attention", **options).init_with_output, method="form")
    form, _ = jax.eval_shape(init, jax.random.key(0), x)
    assert form.score.q.shape == form.value.shape == (1, 2, heads, width)


def test_heads_that_do_not_divide_are_told():
    with pytest.raises(ValueError, match="heads is 8, which does not divide the 3 channels of x; take a divisor"):
        random_variables(build("multi_head", heads=8), np.ones((1, 2, 2, 3)))


def test_heads_of_several_images_in_bfloat16():
    x = jnp.asarray(recorded("multi_head")["x"], jnp.float32)[:, :, None]
    variables = random_variables(build("multi_head", heads=2), x)
    wide, narrow = (
        jax.jit(partial(build("multi_head", heads=2, dtype=dtype).apply, train=False))(variables, x.astype(dtype))
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    assert narrow.dtype == jnp.bfloat16
    np.testing.assert_allclose(narrow.astype(jnp.float32), wide, atol=0.02 * np.abs(wide).max())


@pytest.mark.parametrize("masked", [False, True])
def test_the_fused_kernel_is_called_as_the_dense_form(masked):
    rng = np.random.default_rng(0)
    # Queries and keys that all images share, keys that all heads share.
    q, k, v = (jnp.asarray(rng.normal(size=(*shape, 4)), jnp.float32) for shape in ((1, 15, 2), (1, 15, 1), (3, 15, 2)))
    valid = jnp.asarray(rng.random((3, 15)) < 0.7).at[1].set(False) if masked else None
    form = Form(Everywhere((3, 5), (3, 5)), Dot(q, k), softmax, v, valid, groups=2)
    y, truth = jax.jit(lambda form: (fused(form, "xla"), form.dense().out))(form)  # cuDNN's stands on a GPU alone.
    np.testing.assert_allclose(y, truth, atol=1e-5)


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="heads is 0; it must be at least 1"):
        build("multi_head", heads=0)
    with pytest.raises(ValueError, match="value_width is 0; it must be at least 1"):
        build("linear_attention", value_width=0)
