"""Illumination-based inputs, against values by hand and a scene whose invariant direction is known."""

import math

import numpy as np
import pytest
from recorded import recorded

from jaxseg.data import generate
from jaxseg.data.illumination import (
    ANGLES,
    INPUTS,
    Views,
    chromaticity,
    gray,
    intrinsic,
    least_entropy,
    r_prime,
    shading_attenuated,
    stacked,
    stretched,
)
from jaxseg.data.preprocess import Preprocess

GREY = np.repeat(np.arange(1, 251, dtype=np.uint8).reshape(10, 25, 1), 3, axis=2)
LESION = generate.lesion(0, 3, 64)[0]
FLAT = [GREY, np.zeros((5, 6, 3), np.uint8), np.full((5, 6, 3), (200, 10, 0), np.uint8), np.ones((1, 1, 3), np.uint8)]


def channel(name, image, angle="min_entropy"):
    return stacked((name,), Views(image, image, angle))


def test_values_by_hand():
    image = np.array([[[30, 60, 10], [0, 0, 0], [255, 0, 0], [7, 7, 7]]], np.uint8)
    np.testing.assert_allclose(r_prime(image), [[0.3, 1 / 3, 1, 1 / 3]])
    assert channel("r_prime", image)[..., 0].tolist() == [[76, 85, 255, 85]]  # 76.5 to even
    assert channel("v_star", image)[..., 0].tolist() == [[60, 0, 255, 7]]
    assert channel("green", image)[..., 0].tolist() == [[60, 0, 0, 7]]
    assert channel("luma", image)[..., 0].tolist() == [[45, 0, 76, 7]]  # .299 R + .587 G + .114 B


def test_grey_has_no_chromaticity():
    np.testing.assert_allclose(chromaticity(GREY), 0, atol=1e-12)
    np.testing.assert_allclose(r_prime(GREY), 1 / 3)
    for angle in ANGLES:
        np.testing.assert_allclose(intrinsic(GREY, angle), 0, atol=1e-12)
        assert (channel("intrinsic", GREY, angle) == 0).all()
    assert (channel("shading_attenuated", GREY) == 0).all()  # a template of one value takes all of V


def test_chromaticity_is_that_of_its_definition():
    chi, (r, g, b) = chromaticity(LESION)[5, 7], LESION[5, 7].astype(float)
    mean = (r * g * b) ** (1 / 3)
    logs = np.log([r / mean, g / mean, b / mean])
    expected = (logs[0] - logs[1]) / math.sqrt(2), (logs[0] + logs[1] - 2 * logs[2]) / math.sqrt(6)
    np.testing.assert_allclose(chi, expected, atol=1e-12)


def test_gray_is_the_first_singular_vector_and_bright_is_large():
    logs = np.log(np.maximum(LESION, 1).reshape(-1, 3).astype(float))
    logs -= logs.mean(0)
    left = np.linalg.svd(logs.T)[0][:, 0]
    np.testing.assert_allclose(gray(LESION).ravel(), logs @ (left * np.sign(left.sum())), atol=1e-9)
    assert np.corrcoef(gray(LESION).ravel(), LESION.mean(2).ravel())[0, 1] > 0.9


def slow_entropy(values):
    """Shannon's entropy of a histogram, bin after bin."""
    low, high = np.percentile(values, [5, 95])
    kept = [v for v in values if low < v < high]
    width = 3.5 * len(kept) ** (-1 / 3) * np.std(kept)
    bits, edge = 0.0, min(kept)
    while edge <= max(kept):
        share = sum(edge <= v < edge + width for v in kept) / len(kept)
        bits -= share * math.log2(share) if share else 0
        edge += width
    return bits


def slow_angle(chi):
    """The angle of least entropy, angle after angle."""
    ways = [(math.cos(math.radians(degrees)), math.sin(math.radians(degrees))) for degrees in range(1, 181)]
    entropies = [slow_entropy([x * c + y * s for x, y in chi.reshape(-1, 2).tolist()]) for c, s in ways]
    return 1 + entropies.index(min(entropies))


def apart(one, other):
    """How many degrees two directions differ by, 0 to 90."""
    return min((one - other) % 180, (other - one) % 180)


def scene(degrees, lights, side=30):
    """Two paints, a quarter and the rest, under lights whose colour moves the log-chromaticity along a direction."""
    rng = np.random.default_rng(0)
    light = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    shift = rng.choice(lights, (side, side, 1)) * light
    painted = np.arange(side)[:, None, None] < side // 4
    paint = np.where(painted, 0.3, -0.1) * np.array([-light[1], light[0]])
    axes = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    lit = np.exp((shift + paint) @ axes) * 90 * rng.uniform(0.7, 1.3, (side, side, 1))  # shading changes no colour
    return np.clip(np.rint(lit), 1, 255).astype(np.uint8), np.broadcast_to(painted[..., 0], (side, side))


@pytest.mark.parametrize("degrees", [35, 100, 160])
@pytest.mark.parametrize("lights", [(-0.4, 0.4), tuple(np.linspace(-0.5, 0.5, 50))], ids=["two lights", "many"])
def test_the_least_entropy_is_at_right_angles_to_the_colour_of_the_light(degrees, lights):
    image, painted = scene(degrees, lights)
    found = least_entropy(chromaticity(image))
    assert apart(found, degrees + 90) <= 5
    values = intrinsic(image, "min_entropy")
    between = abs(values[painted].mean() - values[~painted].mean())
    # The paints are told apart, the lights are not.
    assert max(values[painted].std(), values[~painted].std()) < 0.2 * between


# Of few colours, so that the percentiles are values of many pixels, which do not count.
POSTER = np.random.default_rng(1).integers(30, 220, (12, 3), np.uint8)[
    np.random.default_rng(2).choice(12, (20, 20), p=np.array([4, 4, 4, 4, 3, 3, 2, 1, 1, 1, 1, 1]) / 29)
]


@pytest.mark.parametrize("image", [scene(100, (-0.4, 0.4), 20)[0], LESION[20:40, 20:40], POSTER])
def test_the_angle_is_that_of_a_plain_loop(image):
    assert least_entropy(chromaticity(image)) == slow_angle(chromaticity(image))


@pytest.mark.parametrize("which", [0, 1], ids=["lit", "with black"])
def test_the_public_code_agrees(which):
    """Where the definitions do, to its float32; black is not what it is there, and the second image has some."""
    ref = {name: array[which] for name, array in recorded("illuminated").items()}
    image = ref["image"].astype(np.uint8)
    black, lit = (image == 0).all(2), (image > 0).all(2)
    assert (black.sum(), (~lit).sum()) == ((0, 0), (3, 4))[which]

    assert np.isnan(ref["r_prime"][black]).all()
    np.testing.assert_allclose(r_prime(image)[~black], ref["r_prime"][~black], atol=1e-12)
    np.testing.assert_array_equal(channel("v_star", image)[..., 0], ref["v_star"])
    assert least_entropy(chromaticity(image)) == 1 + ref["least"]
    # There the intrinsic image is that of 1 degree, whatever the angle is.
    np.testing.assert_allclose(intrinsic(image, "released")[lit], ref["intrinsic"][lit], atol=2e-6)

    sign = np.sign(np.corrcoef(gray(image).ravel(), ref["gray"].ravel())[0, 1])
    between = np.abs(gray(image) - sign * ref["gray"])
    assert between.max() < 2e-6 or black.any()  # the logarithm of 1e-7 moves the mean and turns the direction

    # The template is stretched here and is not there; in between lie two roundings.
    low, high = ref["intrinsic"].min(), ref["intrinsic"].max()
    found = shading_attenuated(image, stretched(ref["intrinsic"]))
    brightest = image.argmax(2)[..., None]
    ours, theirs = (np.take_along_axis(of, brightest, 2)[..., 0] for of in (found, ref["shading_attenuated"]))
    np.testing.assert_allclose(ours, (theirs - low) / (high - low) * 255, atol=2)
    np.testing.assert_allclose(
        ref["shading_attenuated"] * image.max(2)[..., None], theirs[..., None] * image, atol=1e-9
    )  # at the hue and saturation of the image


def test_released_is_one_degree():
    at_one = chromaticity(LESION) @ [math.cos(math.radians(1)), math.sin(math.radians(1))]
    np.testing.assert_array_equal(intrinsic(LESION, "released"), at_one)
    assert (channel("intrinsic", LESION, "released") != channel("intrinsic", LESION)).any()


def test_shading_attenuation_changes_v_alone_and_gives_it_the_templates_histogram():
    import cv2

    template = stretched(intrinsic(LESION, "min_entropy"))
    found = shading_attenuated(LESION, template)
    v, matched = LESION.max(2).ravel(), found.max(2).ravel()
    order = np.argsort(v, kind="stable")
    assert (np.diff(matched[order].astype(int)) >= 0).all()  # a brighter pixel stays brighter
    for share in (0.1, 0.5, 0.9):
        assert abs(np.quantile(matched, share) - np.quantile(template, share)) <= 6
    before, after = (cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2HSV) for image in (LESION, found))
    lit = after[..., 2] > 60  # where 8 bits leave the hue
    np.testing.assert_allclose(after[lit][:, 1], before[lit][:, 1], atol=0.02)


@pytest.mark.parametrize("image", FLAT)
@pytest.mark.parametrize("name", INPUTS)
def test_flat_and_black_images_are_finite(name, image):
    found = channel(name, image)  # warnings are errors
    assert (found.dtype, found.shape) == (np.uint8, (*image.shape[:2], INPUTS[name].channels))
    if len(np.unique(image.reshape(-1, 3), axis=0)) == 1:
        assert len(np.unique(found.reshape(-1, found.shape[-1]), axis=0)) == 1


def test_of_a_large_image_every_second_row_and_column_count():
    sample = generate.lesion(0, 3, 256)[0]
    large = np.zeros((512, 512, 3), np.uint8)
    large[::2, ::2] = sample
    assert least_entropy(chromaticity(large)) == least_entropy(chromaticity(sample))


def test_inputs_stand_in_the_order_of_the_settings_and_clahe_acts_on_rgb_alone():
    plain, equal = (Preprocess((48, 40), mode, inputs=("v_star", "rgb", "green")) for mode in ("none", "lab"))
    found, equalised = plain.seen(LESION), equal.seen(LESION)
    resized = Preprocess((48, 40)).prepare(LESION)
    np.testing.assert_array_equal(found, np.dstack([resized.max(2), resized, resized[..., 1]]))
    np.testing.assert_array_equal(equalised, np.dstack([resized.max(2), equal.prepare(LESION), resized[..., 1]]))
    assert (equalised[..., 1:4] != found[..., 1:4]).any()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"inputs": ()}, r"data.inputs is \(\); want one or more different names among rgb, r_prime"),
        ({"inputs": ("rgb", "rgb")}, "data.inputs is .*; want one or more different names"),
        ({"inputs": ("rbg",)}, r"data.inputs is \('rbg',\); want .* \(did you mean 'rgb'\?\)"),
        ({"angle": "least"}, "data.angle is 'least' .*; choose one of min_entropy, released"),
        ({"mean": (0.0,) * 4}, "mean is .*; want 3 finite numbers, one a channel"),
    ],
)
def test_wrong_inputs_are_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        Preprocess(**wrong)
