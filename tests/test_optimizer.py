import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxseg.config import defaults
from jaxseg.optimizer import adam, build, schedule

CONSTANTS = dict(beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=0.1)


def run(transform, gradients, params):
    state = transform.init(params)
    for gradient in gradients:
        updates, state = transform.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


def hand_adam(gradients, w, rate, *, decay, coupled):
    """Adam in its paper's Algorithm 1 (Kingma and Ba, 2015), float64, with both ways of decaying."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        g = g + decay * w if coupled else g
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
        w = w - rate * (step if coupled else step + decay * w)
    return w


@pytest.mark.parametrize("kind", ["decoupled", "l2"])
def test_adam_and_its_two_weight_decays_follow_the_algorithm(kind):
    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(4, 3, 2))
    kernel, bias = rng.normal(size=(3, 2)), rng.normal(size=2)
    trees = [{"kernel": jnp.asarray(g, jnp.float32), "bias": jnp.asarray(g[0], jnp.float32)} for g in gradients]
    params = {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}
    end = run(adam(schedule("constant", 0.01, updates=4), weight_decay_kind=kind, **CONSTANTS), trees, params)
    coupled = kind == "l2"
    np.testing.assert_allclose(end["kernel"], hand_adam(gradients, kernel, 0.01, decay=0.1, coupled=coupled), rtol=1e-4)
    # A bias does not decay.
    np.testing.assert_allclose(end["bias"], hand_adam(gradients[:, 0], bias, 0.01, decay=0, coupled=coupled), rtol=1e-4)


def test_accumulation_equals_one_step_on_the_mean_gradient():
    gradients = [{"kernel": jnp.full((2, 2), g)} for g in (1.0, 3.0, -2.0, 4.0)]
    means = [{"kernel": jnp.full((2, 2), g)} for g in (2.0, 1.0)]
    params = {"kernel": jnp.ones((2, 2))}
    rate = schedule("cosine", 0.1, updates=2)
    accumulated = run(adam(rate, accumulate=2, **CONSTANTS), gradients, params)
    at_once = run(adam(rate, **CONSTANTS), means, params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), accumulated, at_once)


@pytest.mark.parametrize(
    ("kind", "middle", "end"), [("constant", 2.0, 2.0), ("cosine", 1.0, 0.0), ("polynomial", 2 * 0.5**0.9, 0.0)]
)
def test_schedules_warm_up_and_come_down(kind, middle, end):
    rate = schedule(kind, 2.0, updates=110, warmup=10, power=0.9)
    np.testing.assert_allclose([rate(0), rate(5), rate(10)], [0, 1, 2], atol=1e-6)
    np.testing.assert_allclose([rate(60), rate(110)], [middle, end], atol=1e-6)


def test_wrong_names_are_told():
    with pytest.raises(ValueError, match="optimizer.schedule is 'cosin' .*constant, cosine, polynomial"):
        schedule("cosin", 1e-3, updates=10)
    with pytest.raises(ValueError, match="weight_decay_kind is 'adamw'.*decoupled, l2"):
        adam(schedule("constant", 1e-3, updates=10), weight_decay_kind="adamw", **CONSTANTS)
    with pytest.raises(ValueError, match="warmup_steps is 10; want 0 to 9"):
        schedule("constant", 1e-3, updates=10, warmup=10)


def test_the_settings_make_rate_and_optimiser():
    settings = defaults().optimizer.to_dict() | {"schedule": "cosine", "weight_decay": 0.1, "eps": 1e-8}
    rate, transform = build(**settings, updates=4, accumulate=1)
    gradients, params = [{"kernel": jnp.full((2, 2), g)} for g in (1.0, -2.0)], {"kernel": jnp.ones((2, 2))}
    wanted = run(adam(schedule("cosine", 1e-3, updates=4), **CONSTANTS), gradients, params)
    np.testing.assert_allclose(run(transform, gradients, params)["kernel"], wanted["kernel"], rtol=1e-6)
    assert float(rate(2)) == pytest.approx(5e-4)
    with pytest.raises(ValueError, match=r"optimizer.learning_rate is 0.0; want above 0"):
        build(**settings | {"learning_rate": 0.0}, updates=4, accumulate=1)
