import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import attention, models


@pytest.mark.gpu
@pytest.mark.parametrize("masked", [False, True])
def test_the_fused_kernel_is_eq1(masked):
    if jax.default_backend() != "gpu":
        pytest.skip("no GPU here")
    rng = np.random.default_rng(0)
    q, k, v = (jnp.asarray(rng.normal(size=(2, 300, 3, 12)), jnp.bfloat16) for _ in range(3))
    valid = jnp.asarray(rng.random((2, 300)) < 0.7) if masked else None
    support, score = attention.supports.Everywhere((20, 15), (20, 15)), attention.scores.Dot(q, k)
    form = attention.Form(support, score, attention.norms.softmax, v, valid, groups=3)
    assert attention.lowering(form).name == "fused"

    def gradient(how):
        return jax.jit(jax.grad(lambda score: (how(form.replace(score=score)).astype(float) ** 2).sum()))(form.score)

    truth = form.dense().out.astype(float)
    np.testing.assert_allclose(attention.aggregate(form).astype(float).reshape(truth.shape), truth, atol=3e-2)
    fast, slow = gradient(attention.aggregate), gradient(lambda form: form.dense().out)
    for a, b in zip(jax.tree.leaves(fast), jax.tree.leaves(slow), strict=True):
        np.testing.assert_allclose(a.astype(float), b.astype(float), atol=5e-2 * float(jnp.abs(b).max()))


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["ja9", "nonlocal_embedded"])
def test_a_gpu_computes_what_the_cpu_does(name):
    try:
        gpu = jax.devices("gpu")[0]
    except RuntimeError:
        pytest.skip("no GPU here")
    model = models.build("denseunet", size="micro", attention=name, attention_options={"gamma_init": 1.0})
    images = jnp.asarray(np.random.default_rng(0).normal(size=(2, 61, 45, 3)), jnp.float32)
    with jax.default_device(jax.devices("cpu")[0]):
        variables = model.init(jax.random.key(0), images[:1], train=False)
        wanted = model.apply(variables, images, train=False)
    variables, images = jax.device_put((variables, images), gpu)
    with jax.default_matmul_precision("float32"):
        got = model.apply(variables, images, train=False)
    np.testing.assert_allclose(np.asarray(got), np.asarray(wanted), atol=1e-4 * float(jnp.abs(wanted).max()))
