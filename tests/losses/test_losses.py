"""What every loss must be, and the values of published implementations on tiny cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES, compiled, labels_of, logits_of, random_case, value

from jaxseg import losses

# (loss, options, values on T, E1, E2 and F). MONAI 1.6.1, smp, and the authors' repositories; None: not published.
PUBLISHED = [
    ("cross_entropy", {}, 0.308093, 0.105361, 0, 0),
    ("dice", {}, 0.25, 0.99999, 0, 0),
    ("dice", {"smoothing": 1.0}, 0.2, 0.615385, 0, 0),
    ("dice", {"over": "image"}, 0.25, 0.99999, 0, 0),
    ("dice_ce", {}, 0.558093, 1.10535, 0, 0),
    ("generalized_dice", {}, 0.25, 0.1, 0, 0),
    ("tversky", {}, 0.25, 0.99998, 0, 0),
    ("focal_tversky", {"smoothing": 1.0}, 0.260847, 0.429769, 0, 0),
    ("focal", {}, 0.0413928, 0.0010536, 0, 0),
    ("focal", {"alpha": 0.25}, 0.0206964, None, 0, 0),
    ("mcc", {}, 0.500005, 0.9985, 0.5, 0.5),
    ("balanced_cross_entropy", {}, 0.616186 / 4, 0, 0, 0),  # published as a sum over the four pixels
    ("balanced_cross_entropy", {"weights": (1.0, 1.0)}, 0.308093, 0.105361, 0, 0),
    # By hand, for nothing is published: T keeps p = .6 of y = 1 and .4 of y = 0, so 2 (-ln .6) / 4; HED's weights: 1/2.
    ("improved_cross_entropy", {"margin": 0.2, "balanced": False}, 0.255413, 0, 0, 0),
    ("improved_cross_entropy", {"margin": 0.2}, 0.127706, 0, 0, 0),
    ("improved_cross_entropy", {"margin": 0.05, "balanced": False}, 0.308093, 0.105361, 0, 0),
    ("lovasz", {}, 0.396357, 0, 0, 0),
    ("cldice", {"weight": 1.0, "smoothing": 1.0}, 0.0909, 0, 0, 0),
    ("cldice", {}, None, None, 0, 0),
    ("boundary", {}, None, 0, 0, 0),
    ("dacn", {}, 0.34, 0.16, 0, 0),  # by hand
]
NAMED = [pytest.param(*row, id=" ".join([row[0], *map(str, row[1].values())])) for row in PUBLISHED]


@pytest.mark.parametrize(("name", "options", "t", "e1", "e2", "f"), NAMED)
def test_the_values_are_those_published(name, options, t, e1, e2, f):
    loss = losses.build(name, **options)
    for case, expected in {"T": t, "E1": e1, "E2": e2, "F": f}.items():
        if expected is not None:
            assert value(loss, case) == pytest.approx(expected, rel=2e-4, abs=2e-6), case


def test_every_loss_has_its_published_values():
    assert {name for name, *_ in PUBLISHED} == set(losses.LOSSES)


def test_tverskys_alpha_weighs_false_positives():
    assert value(losses.build("tversky"), "U") == pytest.approx(0.214660, abs=1e-5)
    assert value(losses.build("tversky", alpha=0.7, beta=0.3), "U") == pytest.approx(0.162011, abs=1e-5)


@pytest.mark.parametrize("name", losses.LOSSES)
@pytest.mark.parametrize("classes", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_the_gradient_is_that_of_finite_differences(name, classes):
    with jax.enable_x64(True):
        logits, labels, valid = random_case(0, (2, 4, 5), classes)
        loss, step = losses.build(name), 1e-6

        def of(z):
            return compiled(loss)(jnp.asarray(z), jnp.asarray(labels), jnp.asarray(valid))

        gradient = np.asarray(of(logits)[1])
        rng = np.random.default_rng(1)
        for _ in range(4):
            way = rng.normal(size=logits.shape)
            slope = (of(logits + step * way)[0] - of(logits - step * way)[0]) / (2 * step)
            assert slope == pytest.approx((gradient * way).sum(), rel=2e-5, abs=1e-8)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_masked_pixel_changes_nothing_whatever_it_holds(name):
    logits, labels, valid = (jnp.asarray(array) for array in random_case(2, (4, 5, 6), classes=3))
    logits, of = logits.astype(jnp.float32), compiled(losses.build(name))
    wild = jnp.where(valid[..., None], logits, jnp.array([jnp.nan, 3e38, -jnp.inf]))
    (a, da), (b, db) = of(logits, labels, valid), of(wild, jnp.where(valid, labels, 255), valid)
    assert a == b
    np.testing.assert_array_equal(da, db)
    assert not np.asarray(da)[~np.asarray(valid)].any()
    assert np.isfinite(da).all()
    assert np.asarray(da).any()


@pytest.mark.parametrize("name", losses.LOSSES)
def test_padding_around_the_images_changes_nothing(name):
    """Also for losses that look at neighbours."""
    logits, labels, all_of_it = random_case(3, (4, 5, 6), classes=3, share=1)
    loss, wide = losses.build(name), ((0, 0), (0, 3), (0, 2))
    padded = np.pad(logits, (*wide, (0, 0)), constant_values=7), np.pad(labels, wide, constant_values=1)
    valid = jnp.asarray(np.pad(all_of_it, wide))
    inner, _ = compiled(loss)(jnp.asarray(logits, jnp.float32), jnp.asarray(labels), jnp.asarray(all_of_it))
    outer = jax.jit(loss)(jnp.asarray(padded[0], jnp.float32), jnp.asarray(padded[1]), valid)
    np.testing.assert_allclose(inner, outer, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_sums_of_parts_are_those_of_the_batch(name):
    logits, labels, valid = (jnp.asarray(array) for array in random_case(4, (4, 5, 6), classes=3))
    logits, loss = logits.astype(jnp.float32), losses.build(name)
    parts = [(logits[k : k + 1], labels[k : k + 1], valid[k : k + 1]) for k in range(4)]
    statistics = jax.jit(loss.statistics)
    together = jax.tree.map(lambda *sums: sum(sums), *(statistics(*part) for part in parts))
    value, whole = compiled(loss)(logits, labels, valid)
    summed, slope = jax.jit(jax.value_and_grad(loss.value))(together)
    np.testing.assert_allclose(summed, value, rtol=1e-5)
    # As devices do it: each pulls the slope at the sums of all back through the sums of its own.
    pulled = jax.jit(lambda z, y, v: jax.vjp(lambda z: loss.statistics(z, y, v), z)[1](slope)[0])
    found = np.concatenate([pulled(*part) for part in parts])
    np.testing.assert_allclose(found, whole, atol=1e-5 * float(np.abs(whole).max()))


@pytest.mark.parametrize("name", losses.LOSSES)
def test_bfloat16_logits_are_computed_in_float32(name):
    logits, labels, valid = (jnp.asarray(array) for array in random_case(5))
    narrow, loss = logits.astype(jnp.bfloat16), jax.jit(losses.build(name))
    found = loss(narrow, labels, valid)
    assert found.dtype == jnp.float32
    assert found == loss(narrow.astype(jnp.float32), labels, valid)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_edge_cases_have_finite_values_and_gradients(name):
    of = compiled(losses.build(name))
    for case in ("E1", "E2", "F", "nothing valid"):
        truth, probability = CASES[case] if case in CASES else CASES["E1"]
        logits, labels = logits_of(probability), labels_of(truth)
        found, gradient = of(logits, labels, jnp.full(labels.shape, case in CASES))
        assert np.isfinite(found), case
        assert np.isfinite(gradient).all(), case


@pytest.mark.parametrize("name", losses.LOSSES)
def test_the_empty_batch_of_a_large_image_is_finite_too(name):
    """Fractions of a single pixel are below float32's resolution of their sum."""
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(1, 160, 170, 2)) * 3 + [9, 0], jnp.float32)
    found, gradient = jax.jit(jax.value_and_grad(losses.build(name)))(logits, jnp.zeros((1, 160, 170), jnp.int32))
    assert np.isfinite(found)
    assert np.isfinite(gradient).all()
    assert found > -1e-3


ONE_BY_ONE = ["dice", "tversky", "focal_tversky", "lovasz", "cldice", "boundary"]


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_more_classes_are_the_mean_of_one_against_the_rest(name):
    logits, labels, valid = (jnp.asarray(array) for array in random_case(6, classes=4))
    logits, loss = logits.astype(jnp.float32), jax.jit(losses.build(name))
    probability = jax.nn.softmax(logits)
    each = []
    for c in (1, 2, 3):
        two = jnp.log(jnp.stack([1 - probability[..., c], probability[..., c]], -1))
        each.append(loss(two, (labels == c).astype(jnp.int32), valid))
    np.testing.assert_allclose(loss(logits, labels, valid), np.mean(each), rtol=2e-5)


def test_mcc_of_hard_predictions_is_scikit_learns():
    from sklearn.metrics import matthews_corrcoef

    rng = np.random.default_rng(7)
    for classes in (2, 3, 5):
        truth = rng.integers(0, classes, (1, 20, 30))
        guess = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, classes, truth.shape))
        logits = 60.0 * (guess[..., None] == np.arange(classes))
        found = jax.jit(losses.build("mcc"))(jnp.asarray(logits, jnp.float32), jnp.asarray(truth, jnp.int32))
        assert 1 - float(found) == pytest.approx(matthews_corrcoef(truth.ravel(), guess.ravel()), abs=1e-5)


def test_dice_over_images_is_the_mean_of_theirs():
    logits, labels, valid = (jnp.asarray(array) for array in random_case(8, (3, 5, 6)))
    logits, loss = logits.astype(jnp.float32), jax.jit(losses.build("dice", over="image"))
    each = [loss(logits[k : k + 1], labels[k : k + 1], valid[k : k + 1]) for k in range(3)]
    np.testing.assert_allclose(loss(logits, labels, valid), np.mean(each), rtol=1e-6)
    unseen = valid.at[1].set(False)
    np.testing.assert_allclose(loss(logits, labels, unseen), np.mean([each[0], each[2]]), rtol=1e-6)


def test_perfect_focal_tversky_has_a_finite_slope():
    of = compiled(losses.build("focal_tversky"))
    _, gradient = of(logits_of([1 - 1e-9, 1e-9]), labels_of([1, 0]), jnp.ones((1, 1, 2), bool))
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dise", {}, r"loss is 'dise' \(did you mean 'dice'\?\); choose one of cross_entropy"),
        ("dice", {"smooth": 1}, r"loss 'dice' has no option 'smooth' \(did you mean 'smoothing'\?\)"),
        ("dice", {"smoothing": 0.0}, "smoothing is 0.0; want a number of pixels above 0"),
        ("dice", {"over": "images"}, r"over is 'images' \(did you mean 'image'\?\)"),
        ("tversky", {"alpha": -1.0}, "alpha is -1.0; want 0 or more"),
        ("focal", {"alpha": 2.0}, "alpha is 2.0; want a number from 0 to 1"),
        ("focal", {"gamma": -1.0}, "gamma is -1.0; want 0 or more"),
        ("improved_cross_entropy", {"margin": 1.0}, "margin is 1.0; want a number from 0 to below 1"),
        ("improved_cross_entropy", {"balanced": "HED"}, "balanced"),
        ("focal_tversky", {"gamma": 0.0}, "gamma is 0.0; want more than 0"),
        ("balanced_cross_entropy", {"weights": (0.0, 0.0)}, "one number per class, 0 or more, not all 0"),
        ("cldice", {"iterations": 0}, "iterations is 0; it must be at least 1"),
        ("cldice", {"weight": 1.5}, "weight is 1.5; want a number from 0 to 1"),
        ("dice_ce", {"dice_weight": 0.0, "cross_entropy_weight": 0.0}, "the sum of the weights is 0"),
        ("dice", {"smoothing": "much"}, "no values for its options"),
    ],
)
def test_a_wrong_option_is_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        losses.build(name, **options)


def test_weights_that_do_not_fit_the_classes_are_refused():
    loss = losses.build("balanced_cross_entropy", weights=(1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="weights is .*; want 2 numbers, one per class, background first"):
        value(loss, "T")
