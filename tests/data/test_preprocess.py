import json

import cv2
import jax.numpy as jnp
import numpy as np
import pytest
from samples import eye

from jaxseg.data.preprocess import Preprocess

IMAGE, MASK, _ = eye(0, 96, 80)
FITTED = Preprocess((64, 48), "lab", mean=(1 / 3, 2.5, 1e-17), std=(0.1, 3.0, 7.7))


@pytest.mark.parametrize("preprocess", [Preprocess(), FITTED, Preprocess(clahe="gray", clip_limit=1.5, tiles=4)])
def test_json_round_trip_is_exact(preprocess):
    assert Preprocess.from_json(json.loads(json.dumps(preprocess.to_json()))) == preprocess


def test_settings_become_a_preprocess():
    data = {"image_size": [64, 48], "window": [], "clahe": {"mode": "green", "clip_limit": 3, "tiles": 4}}
    data |= {"inputs": ["v_star", "rgb"], "angle": "released"}
    made = Preprocess((64, 48), "green", 3.0, 4, inputs=("v_star", "rgb"), angle="released")
    assert Preprocess.from_config(data) == made
    assert (made.channels, made.mean, made.std) == (4, (0.0,) * 4, (1.0,) * 4)


@pytest.mark.parametrize(
    "wrong",
    [{"image_size": (64,)}, {"image_size": (0, 64)}, {"image_size": (64.0, 64)}, {"clahe": "LAB"}, {"clip_limit": 0.0},
     {"tiles": 0}],
)  # fmt: skip
def test_wrong_settings_are_refused_by_name(wrong):
    arguments = {"image_size": (), "clahe": "lab"} | wrong
    with pytest.raises((ValueError, TypeError), match="image_size|clahe"):
        Preprocess(**arguments)


def test_nothing_to_do_changes_nothing():
    assert Preprocess().prepare(IMAGE) is IMAGE
    assert Preprocess().prepare_mask(MASK) is MASK


def test_shrinking_averages_over_areas():
    half = Preprocess((48, 40)).prepare(IMAGE).astype(int)
    mean = IMAGE.reshape(48, 2, 40, 2, 3).mean(axis=(1, 3))
    assert np.abs(half - mean).max() <= 0.5


def test_enlarging_is_smooth():
    ramp = np.repeat(np.arange(0, 160, 10, dtype=np.uint8)[None, :, None], 3, axis=-1).repeat(16, axis=0)
    steps = np.diff(Preprocess((64, 64)).prepare(ramp)[32, 4:-4, 0].astype(int))
    assert steps.min() >= 2  # blocks would stand still
    assert steps.max() <= 3


@pytest.mark.parametrize("size", [(30, 18), (30, 90), (90, 18), (270, 450), (45, 30), (37, 41), (90, 91), (1, 1)])
def test_a_resized_mask_holds_what_lies_at_the_centre_of_each_new_pixel(size):
    mask = np.random.default_rng(0).integers(0, 2, (90, 90), np.uint8)
    # Centre of new pixel i: (i + 1/2) * old / new. Whole numbers, so that no rounding moves it to another pixel.
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for new, old in zip(size, mask.shape, strict=True))
    np.testing.assert_array_equal(Preprocess(size).prepare_mask(mask), mask[np.ix_(rows, columns)])


def test_a_resized_mask_stays_over_its_image():
    """Stripes in both, off the grid of new pixels by a quarter of one: the image is bright where its mask is 1."""
    mask = ((np.arange(96) + 11) // 12 % 2).astype(np.uint8)[:, None].repeat(80, axis=1)
    preprocess = Preprocess((24, 20))
    image, small = preprocess.prepare(mask[..., None].repeat(3, axis=2) * 255), preprocess.prepare_mask(mask)
    np.testing.assert_array_equal(small, image[..., 0] > 127)


def test_lab_equalises_lightness_and_keeps_hue():
    lab, before = (
        cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(int)
        for image in (Preprocess(clahe="lab").prepare(SMOOTH), SMOOTH)
    )
    assert lab[..., 0].std() > 1.3 * before[..., 0].std()
    assert np.abs(lab[..., 1:] - before[..., 1:]).mean() < 2.5


@pytest.mark.parametrize("mode", ["rgb", "green"])
def test_channels_are_equalised_by_opencv_for_themselves(mode):
    clahe = cv2.createCLAHE(2.0, (8, 8))
    expected = [clahe.apply(np.ascontiguousarray(IMAGE[..., c if mode == "rgb" else 1])) for c in range(3)]
    np.testing.assert_array_equal(Preprocess(clahe=mode).prepare(IMAGE), np.stack(expected, axis=-1))


def equalised_by_opencv(image, mode, clip_limit, tiles):
    """Every mode written a second time with OpenCV's own functions; for "gray", ``image`` has three equal channels."""
    apply = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(tiles, tiles)).apply
    if mode == "lab":
        lightness, a, b = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2LAB))
        return cv2.cvtColor(cv2.merge([apply(lightness), a, b]), cv2.COLOR_LAB2RGB)
    if mode == "gray":
        low, high = int(image.min()), int(image.max())
        stretched = ((image[..., 0].astype(int) - low) * 255 // (high - low)).astype(np.uint8)
        table = np.array([((i / 255.0) ** (1 / 1.2)) * 255 for i in range(256)]).astype(np.uint8)
        return cv2.merge([cv2.LUT(apply(stretched), table)] * 3)
    channels = cv2.split(image) if mode == "rgb" else [image[..., 1]] * 3
    return cv2.merge([apply(np.ascontiguousarray(channel)) for channel in channels])


@pytest.mark.parametrize("mode", ["lab", "rgb", "green", "gray"])
def test_the_clip_limit_and_the_tiles_of_the_settings_reach_opencv(mode):
    # OpenCV clips a tile's histogram at clip_limit * pixels / 256, but never below 1: tiles of 24 x 32 pixels and few
    # grey levels let every limit here matter.
    grey = np.random.default_rng(0).normal(60, 5, (128, 96)).clip(0, 255).astype(np.uint8)
    image = np.stack([grey] * 3 if mode == "gray" else [grey, grey + 20, grey // 2], axis=-1)
    seen = set()
    for clip_limit in (1.0, 2.0, 3.5, 40.0):
        for tiles in (2, 4):
            data = {
                "image_size": (),
                "labels": (),
                "window": (),
                "inputs": ("rgb",),
                "angle": "min_entropy",
                "clahe": {"mode": mode, "clip_limit": clip_limit, "tiles": tiles},
            }
            prepared = Preprocess.from_config(data).prepare(image)
            np.testing.assert_array_equal(prepared, equalised_by_opencv(image, mode, clip_limit, tiles))
            seen.add(prepared.tobytes())
    assert len(seen) == 8


def test_grey_is_the_pipeline_of_retina_unet_on_a_whole_set():
    """The published order, with the z-score over the set; ours never sees the other images."""
    stack = np.stack([IMAGE, eye(1, 96, 80)[0], eye(2, 96, 80)[0] // 2]).astype(np.float64)
    grey = stack @ (0.299, 0.587, 0.114)
    scored = (grey - grey.mean()) / grey.std()
    for image, map_ in zip(stack.astype(np.uint8), scored, strict=True):
        stretched = (map_ - map_.min()) / (map_.max() - map_.min()) * 255
        equalised = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(stretched.astype(np.uint8))
        table = np.array([((i / 255.0) ** (1 / 1.2)) * 255 for i in range(256)]).astype(np.uint8)
        ours = Preprocess(clahe="gray").prepare(image)
        # float32 here, float64 there: a truncated grey level may differ by one in a few pixels
        assert (np.abs(ours[..., 0].astype(int) - cv2.LUT(equalised, table)) > 0).mean() < 0.01
        assert (ours == ours[..., :1]).all()


def test_a_black_image_stays_finite():
    prepared = Preprocess(clahe="gray").prepare(np.zeros((40, 40, 3), np.uint8))
    assert (prepared == prepared[0, 0]).all()  # and no division by a range of zero (warnings are errors)


@pytest.mark.parametrize("mode", ["lab", "rgb", "green", "gray"])
@pytest.mark.parametrize("shape", [(5, 7, 3), (33, 61, 3)])
def test_any_size_can_be_equalised(mode, shape):
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    assert Preprocess(clahe=mode).prepare(image).shape == shape


def test_statistics_are_those_of_numpy():
    pixels = IMAGE.reshape(-1, 3).astype(np.int64)
    fitted = Preprocess().fitted(len(pixels), pixels.sum(axis=0), (pixels**2).sum(axis=0))
    np.testing.assert_allclose(fitted.mean, pixels.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(fitted.std, pixels.std(axis=0), rtol=1e-12)


def test_a_constant_channel_normalises_to_zero():
    image = np.full((4, 4, 3), 7, np.uint8)
    fitted = Preprocess().fitted(16, np.full(3, 16 * 7), np.full(3, 16 * 49))
    assert (fitted.normalise(image) == 0).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 9, 3), (2, 5, 6, 3)])
def test_normalise_is_its_formula_to_the_last_bit(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    mean, std = np.float32(FITTED.mean), np.float32(FITTED.std)
    np.testing.assert_array_equal(FITTED.normalise(image), (np.float32(image) - mean) / std)


def test_normalise_takes_numpy_and_jax_one_image_or_many():
    expected = (IMAGE.astype(np.float64) - FITTED.mean) / FITTED.std
    one = FITTED.normalise(IMAGE)
    many = FITTED.normalise(jnp.asarray(np.stack([IMAGE, IMAGE])))
    assert isinstance(one, np.ndarray)
    assert one.dtype == many.dtype == np.float32
    np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(many[1], one, rtol=1e-6)


def test_restore_goes_back_to_the_photographs_size():
    ramp = np.broadcast_to(np.linspace(0, 1, 48, dtype=np.float32), (64, 48))
    back = FITTED.restore(ramp, (128, 96))
    assert back.shape == (128, 96)
    assert back.dtype == np.float32
    # Pixel i of 96 lies at i / 2 - 1 / 4 of 48, and the ramp climbs by 1 / 47 there.
    expected = (np.arange(1, 95) / 2 - 0.25) / 47
    np.testing.assert_allclose(back[:, 1:-1], np.broadcast_to(expected, (128, 94)), atol=1e-5)
    np.testing.assert_array_equal(FITTED.restore(ramp, (64, 48)), ramp)


def _smooth():
    y, x = np.mgrid[:96, :80] / 12
    grey = 120 + 12 * np.sin(x) * np.cos(y)
    return np.stack([grey * 1.2, grey, grey * 0.7], axis=-1).astype(np.uint8)


SMOOTH = _smooth()
