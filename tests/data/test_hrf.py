import numpy as np
import pytest
import samples

from jaxseg.data import load, load_split
from jaxseg.data.builder import Config
from jaxseg.data.hrf import Hrf

NATIVE = Config(name="native")


@pytest.mark.parametrize("channels", [1, 3])
def test_the_published_layout_is_read_through_the_builder(tmp_path, channels):
    folder = samples.hrf(tmp_path / "hrf", channels=channels)
    splits = load(samples.settings(tmp_path, name="hrf", dir=str(folder)))
    assert splits.train.ids == ("01_dr", "01_g", "01_h", "02_h")
    assert (splits.val, splits.test) == (None, None)
    for seed, record in enumerate(splits.train):
        image, mask, fov = samples.eye(seed)
        assert np.abs(record.image.astype(int) - image).mean() < 25  # JPEG of noise
        np.testing.assert_array_equal(record.mask, mask)
        np.testing.assert_array_equal(record.fov, fov)
        assert record.observer2 is None
        assert record.group == record.id
    assert any("4 of the 45 published images" in note for note in splits.notes)


def test_val_and_test_are_cut_on_request(tmp_path):
    folder = samples.hrf(tmp_path / "hrf")
    data = samples.settings(tmp_path, name="hrf", dir=str(folder), test=1, holdout=1)
    splits = load(data)
    assert [len(records) for records in (splits.train, splits.val, splits.test)] == [2, 1, 1]
    assert load_split(data, "test").ids == splits.test.ids


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("manual1/01_g.tif", r"images/01_g\.jpg: has no mask; \S*manual1/01_g\.tif is missing"),
        ("mask/01_dr_mask.tif", r"01_dr\.JPG: has no field-of-view mask; \S*mask/01_dr_mask\.tif is missing"),
        ("images/02_h.jpg", r"manual1/02_h\.tif: a mask without an image"),
    ],
)
def test_a_lone_file_is_named(tmp_path, missing, words):
    folder = samples.hrf(tmp_path / "hrf")
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=words):
        Hrf.listing(folder, NATIVE)


@pytest.mark.parametrize("room", ["images", "manual1", "mask"])
def test_an_absent_folder_is_named_with_where_to_get_it(tmp_path, room):
    folder = samples.hrf(tmp_path / "hrf")
    (folder / room).rename(tmp_path / "elsewhere")
    words = rf"hrf: holds no {room}/, only .*https://www5\.cs\.fau\.de.*--config\.data\.dir=FOLDER"
    with pytest.raises(FileNotFoundError, match=words) as caught:
        Hrf.listing(folder, NATIVE)
    assert "\n" not in str(caught.value)


def test_photographs_a_level_deeper_are_told(tmp_path):
    folder = samples.hrf(tmp_path / "hrf")
    (folder / "images").rename(tmp_path / "moved")
    (folder / "images").mkdir()
    (tmp_path / "moved").rename(folder / "images" / "all")
    with pytest.raises(
        FileNotFoundError, match=r"hrf/images: holds no NN_dr\.JPG, only all/, but \S*hrf/images/all has it"
    ):
        Hrf.listing(folder, NATIVE)


@pytest.mark.parametrize(
    ("name", "pixels", "words"),
    [
        ("manual1/01_dr.tif", samples.eye(0)[1] * 90, r"a mask holds only .* this one holds 0, 90"),
        ("mask/01_dr_mask.tif", samples.eye(0)[0], "a coloured mask"),
        ("mask/01_dr_mask.tif", np.zeros((40, 44), np.uint8), "an empty field of view"),
        ("mask/01_dr_mask.tif", np.full((6, 5), 255, np.uint8), "5 wide and 6 high, but its image"),
    ],
)
def test_a_wrong_mask_is_named_in_one_line(tmp_path, name, pixels, words):
    folder = samples.hrf(tmp_path / "hrf")
    samples.save(folder / name, pixels)
    with pytest.raises(ValueError, match=rf"hrf/{name}: {words}") as caught:
        load(samples.settings(tmp_path, name="hrf", dir=str(folder)))
    assert "\n" not in str(caught.value)


def test_a_truncated_photograph_is_named(tmp_path):
    folder = samples.hrf(tmp_path / "hrf")
    path = folder / "images" / "01_h.jpg"
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(ValueError, match=r"images/01_h\.jpg: truncated"):
        load(samples.settings(tmp_path, name="hrf", dir=str(folder)))
