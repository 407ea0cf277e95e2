from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes

from jaxseg import attention
from jaxseg.models import Map, Skip, build, skips


@pytest.fixture(scope="module")
def trained():
    """A network, its variables and a padded image: 61 x 45 pixels in a frame of 64 x 64."""
    model = build("denseunet", size="micro", attention="ja9", levels=(0, 3))
    image = np.zeros((1, 64, 64, 3), np.float32)
    image[:, :61, :45] = np.random.default_rng(0).normal(size=(61, 45, 3))
    return model, fill(shapes(model), seed=1), image


@pytest.fixture(scope="module")
def seen(trained):
    return skips(*trained, sizes=np.array([[61, 45]]))


def test_a_skip_is_what_the_network_attends_to(trained, seen):
    """The module by itself gives on what arrived the very output that it gave inside."""
    model, variables, image = trained

    @jax.jit
    def outputs(variables, image):
        inside = {"capture_intermediates": lambda module, _: module.name in ("attention0", "attention3")}
        _, found = model.apply(variables, image, sizes=jnp.array([[61, 45]]), mutable=["intermediates"], **inside)
        return {name: found["intermediates"][name]["__call__"][0] for name in ("attention0", "attention3")}

    assert list(seen) == [0, 3]
    for (level, skip), stride in zip(seen.items(), (2, 16), strict=True):
        assert (skip.stride, skip.size, skip.shown) == (stride, (61, 45), (61, 45))
        apply = jax.jit(partial(skip.module.apply, train=False))
        alone = apply(skip.variables, skip.x, valid=skip.valid, gate=skip.gate)
        wanted = outputs(variables, image)[f"attention{level}"]
        np.testing.assert_allclose(alone, wanted, atol=1e-5 * float(jnp.abs(wanted).max()))


def test_rows_are_those_of_the_mechanism_by_itself(trained, seen):
    _, variables, _ = trained
    skip = seen[3]
    own = {"params": variables["params"]["attention3"], "batch_stats": variables["batch_stats"]["attention3"]}
    mechanism = attention.build("ja9", dtype=jnp.float32)
    wanted = attention.rows(mechanism, own, skip.x, [[3, 1], [0, 2]], valid=skip.valid, gate=skip.gate)
    found = skip.rows([(60, 20), (3, 44)])
    assert found._fields == wanted._fields
    for part, expected in zip(found, wanted, strict=True):
        assert part.values.shape == (2, 1, 4, 3)  # of the frame's 4 x 4
        np.testing.assert_allclose(part.values, expected[..., :3], rtol=1e-4, atol=1e-6)
        assert part.cell == (16, 16)
        assert part.extent == (-0.5, 47.5, 63.5, -0.5)
    assert (wanted.self[..., 3] == 0).all()  # Nothing is lost with the padding.
    (gate,) = skip.gate_maps().values()
    np.testing.assert_allclose(gate.values[0, [3, 0], [1, 2]], found.point_wise.values.sum((1, 2, 3)), rtol=1e-5)


def test_the_nine_structures_share_the_weights(seen):
    found = seen[3].structures()
    assert list(found) == [f"ja{n}" for n in range(1, 10)]
    np.testing.assert_array_equal(found["ja9"].rows([(5, 5)]).composed.values, seen[3].rows([(5, 5)]).composed.values)
    assert not np.allclose(found["ja1"].rows([(5, 5)]).composed.values, seen[3].rows([(5, 5)]).composed.values)


def alone(name, *, grid, size, stride=2, shown=None, **options):
    """A skip without a network."""
    module = attention.build(name, **options)
    x = np.random.default_rng(0).normal(size=(1, *grid, 4)).astype(np.float32)
    real = [-(-side // stride) for side in size]
    valid = np.zeros((1, *grid), bool)
    valid[:, : real[0], : real[1]] = True
    x, valid = jnp.asarray(x), jnp.asarray(valid)
    variables = jax.eval_shape(lambda: module.init(jax.random.key(0), x, train=False))
    return Skip(module, fill(variables), x, valid, x, stride, size, shown or size)


def test_pooled_keys_have_cells_of_their_own():
    skip = alone("sa", pool="post", grid=(8, 8), size=(9, 13), stride=2, shown=(18, 39))
    found = skip.rows([(17, 38)])
    assert found.values.shape == (1, 1, 3, 4)  # ceil(9 / 4) and ceil(13 / 4) of 4 x 4 keys
    assert found.cell == (8, 12)  # 4 pixels of the network's image, which is half and a third of the photograph
    assert skip.grid == (5, 7)
    assert skip.gate_maps() == {}


def test_a_pooled_key_covers_what_was_pooled_on_a_ragged_grid_too():
    """Three rows pooled by two are one key, which stands for two of them."""
    found = alone("sa", pool="post", grid=(3, 5), size=(6, 10), stride=2).rows([(0, 0)])
    assert found.values.shape == (1, 1, 1, 2)
    assert found.cell == (4, 4)


@pytest.mark.parametrize(("size", "shown"), [((37, 50), (37, 50)), ((32, 48), (57, 31)), ((64, 33), (20, 33))])
def test_a_pixel_belongs_to_the_cell_that_its_middle_lies_in(size, shown):
    skip = alone("none", grid=(16, 16), size=size, stride=4, shown=shown)
    pixels = [(y, x) for y in range(shown[0]) for x in range(shown[1])]
    middle = Fraction(1, 2)
    wanted = [[int((at + middle) * s / n / 4) for at, s, n in zip(p, size, shown, strict=True)] for p in pixels]
    np.testing.assert_array_equal(skip.cells(pixels), wanted)
    assert (skip.cells(pixels).max(0) == np.array(skip.grid) - 1).all()


@pytest.mark.parametrize(
    ("pixel", "told"),
    [
        ((37, 0), r"pixel \(37, 0\) is off the image of 37 rows and 50 columns; give y, x"),
        ((0, 50), r"pixel \(0, 50\) is off the image"),
        ((-1, 3), r"pixel \(-1, 3\) is off the image"),
        ((0.5, 3), r"pixels are \[\[0.5, 3.0\]\]; give whole numbers"),
        ((1, 2, 3), r"give whole numbers, \(y, x\) for each"),
    ],
)
def test_wrong_pixels_are_refused(pixel, told):
    skip = alone("none", grid=(16, 16), size=(37, 50), stride=4)
    with pytest.raises(ValueError, match=told):
        skip.rows(np.array([pixel]))


def test_only_a_joint_structure_is_rearranged():
    with pytest.raises(ValueError, match="only a joint structure can be rearranged"):
        alone("sa", grid=(2, 2), size=(4, 4)).structures()


@pytest.mark.parametrize("options", [{"attention": "none"}, {"attention": "ja9", "levels": ()}])
def test_a_network_without_attention_has_nothing_to_see(options):
    model = build("denseunet", size="micro", **options)
    with pytest.raises(ValueError, match="no attention .* nothing to see; train one that has, such as --config"):
        skips(model, {}, np.zeros((1, 32, 32, 3), np.float32))


def test_a_map_lies_over_its_image_from_the_top_left_corner():
    assert Map(np.zeros((3, 5, 4)), (2.5, 16.0)).extent == (-0.5, 63.5, 12, -0.5)
