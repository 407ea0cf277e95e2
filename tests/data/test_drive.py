import numpy as np
import pytest
import samples

from jaxseg.data import load, load_split
from jaxseg.data.builder import Config
from jaxseg.data.drive import Drive

NATIVE = Config(name="native")


def test_the_published_layout_is_read_through_the_builder(tmp_path):
    data = samples.settings(tmp_path, name="drive", dir=str(samples.drive(tmp_path / "DRIVE")), holdout=1)
    splits = load(data)
    assert [len(records) for records in (splits.train, splits.val, splits.test)] == [2, 1, 2]
    for record in splits.test:
        image, mask, fov = samples.eye(int(record.id))
        np.testing.assert_array_equal(record.image, image)
        np.testing.assert_array_equal(record.mask, mask)
        np.testing.assert_array_equal(record.fov, fov)
        np.testing.assert_array_equal(record.observer2, samples.observer2(mask))  # {3, 253} cut at 127
        assert record.group == record.id
    assert splits.train[0].observer2 is None
    assert any("3 of the 20 published images" in note for note in splits.notes)


def test_withheld_test_labels_leave_the_test_split_out_and_say_so(tmp_path):
    folder = samples.drive(tmp_path / "DRIVE", withheld=True)
    listing = Drive.listing(folder, NATIVE)
    assert list(listing.splits) == ["train"]
    assert any("labels are withheld" in note for note in listing.notes)
    (folder / "test" / "1st_manual").mkdir()  # no labels in it either
    assert list(Drive.listing(folder, NATIVE).splits) == ["train"]
    data = samples.settings(tmp_path, name="drive", dir=str(folder))
    with pytest.raises(ValueError, match="drive has no 'test' split, only train. .*withheld"):
        load_split(data, "test")
    assert len(load_split(data | {"test": 1}, "test")) == 1  # cut from train on request


def test_a_copy_without_the_second_observer_is_read_and_says_so(tmp_path):
    folder = samples.drive(tmp_path / "DRIVE")
    for path in (folder / "test" / "2nd_manual").iterdir():
        path.unlink()
    listing = Drive.listing(folder, NATIVE)
    assert Drive.read(listing.splits["test"][0], NATIVE).observer2 is None
    assert any("observer 2 of test: none" in note for note in listing.notes)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("training/1st_manual/22_manual1.gif", r"22_training\.tif: has no mask by observer 1; .*22_manual1\.gif is"),
        ("training/mask/22_training_mask.gif", r"22_training\.tif: has no field-of-view mask"),
        ("test/2nd_manual/02_manual2.gif", r"02_test\.tif: has no mask by observer 2"),
        ("test/images/02_test.tif", r"02_manual1\.gif: a mask by observer 1 without an image"),
    ],
)
def test_a_lone_file_is_named(tmp_path, missing, words):
    folder = samples.drive(tmp_path / "DRIVE")
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=words):
        Drive.listing(folder, NATIVE)


@pytest.mark.parametrize("given", ["", "nowhere", "DRIVE/training"])
def test_without_the_data_the_error_says_where_to_get_it_and_where_to_put_it(tmp_path, given):
    samples.drive(tmp_path / "DRIVE")
    data = samples.settings(tmp_path, name="drive", dir=str(tmp_path / given) if given else "")
    with pytest.raises(FileNotFoundError, match=r"https://drive\.grand-challenge\.org.*--config\.data\.dir=") as caught:
        load(data)
    assert "\n" not in str(caught.value)


def test_photographs_a_level_deeper_are_told(tmp_path):
    folder = samples.drive(tmp_path / "DRIVE")
    (folder / "training" / "images").rename(tmp_path / "images")
    (folder / "training" / "images").mkdir()
    (tmp_path / "images").rename(folder / "training" / "images" / "images")
    words = r"training/images: holds no NN_training\.tif, only images/, but \S*training/images/images has it"
    with pytest.raises(FileNotFoundError, match=words):
        Drive.listing(folder, NATIVE)


def test_the_cut_is_written_down_and_middle_greys_are_refused(tmp_path):
    folder = samples.drive(tmp_path / "DRIVE")
    notes = load(samples.settings(tmp_path, name="drive", dir=str(folder))).description["notes"]
    assert any("observer 2 of test: grey values cut at 127" in note for note in notes)
    samples.save(folder / "test" / "2nd_manual" / "01_manual2.gif", samples.eye(1)[1] * 100)
    with pytest.raises(ValueError, match=r"01_manual2\.gif: holds middle greys"):
        Drive.read(Drive.listing(folder, NATIVE).splits["test"][0], NATIVE)


def test_observer_1_is_never_cut(tmp_path):
    folder = samples.drive(tmp_path / "DRIVE")
    grey = np.where(samples.eye(21)[1] == 1, 253, 3).astype(np.uint8)
    samples.save(folder / "training" / "1st_manual" / "21_manual1.gif", grey)
    with pytest.raises(ValueError, match=r"21_manual1\.gif: .*holds 3, 253"):
        Drive.read(Drive.listing(folder, NATIVE).splits["train"][0], NATIVE)
