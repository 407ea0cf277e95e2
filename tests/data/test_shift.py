"""Images of another source: which they are in every set, and that they are in no other split."""

import itertools

import numpy as np
import pytest
import samples

from jaxseg.data import load, load_split
from jaxseg.data.isic import LATE
from jaxseg.data.layout import Entry, Listing
from jaxseg.data.split import partition

SPLITS = ("train", "val", "test", "shifted_val", "shifted_test")
SMALL = {"size": 32, "train": 3, "val": 2, "test": 2}


def isic(folder, *, year=2017, late=6, part="Training"):
    """Make ``late`` late images and six early ones, in ``part``."""
    data, truth, suffix = (name.format(part) for name in samples.ISIC[year])
    for number in (*range(6), *range(LATE, LATE + late)):
        image, mask, _ = samples.eye(number)
        samples.save(folder / data / f"ISIC_{number:07d}.jpg", image, quality=95)
        samples.save(folder / truth / f"ISIC_{number:07d}{suffix}", mask * 255)
    return folder


def ids(splits):
    return {split: getattr(splits, split).ids for split in SPLITS}


@pytest.mark.parametrize("year", [2017, 2018])
def test_late_ids_of_isic_are_in_the_shifted_splits_alone(tmp_path, year):
    folder = isic(tmp_path / "isic", year=year, late=7)
    asked = samples.settings(tmp_path, name=f"isic{year}", dir=str(folder), holdout=2, test=1, shift="late_ids")
    splits = load(asked)
    found = ids(splits)
    assert {split: len(names) for split, names in found.items()} == {
        "train": 3, "val": 2, "test": 1, "shifted_val": 3, "shifted_test": 4,
    }  # fmt: skip
    for split, names in found.items():
        assert {name >= f"ISIC_{LATE:07d}" for name in names} == {split.startswith("shifted_")}
    assert len(set(itertools.chain(*found.values()))) == 13
    told = splits.description
    assert told["rule"]["shifted_val"] == (
        "3 of the 7 training images with ids from ISIC_0012000 on, drawn at random, data.split_seed=0"
    )
    assert [told["splits"][split]["num_images"] for split in SPLITS] == [3, 2, 1, 3, 4]
    assert told["groups"].keys() == found.keys()
    native = load_split(asked, "shifted_test")
    assert native.ids == found["shifted_test"]
    np.testing.assert_array_equal(native[0].mask, splits.shifted_test[0].mask)


def test_without_the_setting_nothing_is_apart_and_the_cache_is_the_same(tmp_path):
    folder = isic(tmp_path / "isic")
    asked = samples.settings(tmp_path, name="isic2017", dir=str(folder), holdout=2)
    plain, apart = load(asked), load(asked | {"shift": "late_ids"})
    assert plain.shifted_val is None
    assert plain.shifted_test is None
    assert len(plain.train) == 10
    assert list(plain.description["splits"]) == ["train", "val"]
    assert plain.description["content_hash"] == apart.description["content_hash"]


def test_statistics_are_those_of_the_images_that_train(tmp_path):
    asked = samples.settings(tmp_path, name="isic2017", dir=str(isic(tmp_path / "isic")), shift="late_ids")
    splits = load(asked)
    pixels = np.concatenate([record.image.reshape(-1, 3) for record in splits.train])
    np.testing.assert_allclose(splits.preprocess.mean, pixels.mean(axis=0))


def test_the_official_test_stays_as_it_is_and_its_late_images_are_counted(tmp_path):
    folder = isic(isic(tmp_path / "isic"), part="Test_v2", late=2)
    splits = load(samples.settings(tmp_path, name="isic2017", dir=str(folder), shift="late_ids"))
    assert len(splits.test) == 8
    assert "test is the set's own: 2 of its 8 images are shifted too" in splits.notes


@pytest.mark.parametrize("late", [0, 1])
def test_too_few_shifted_images_are_refused(tmp_path, late):
    asked = samples.settings(tmp_path, name="isic2017", dir=str(isic(tmp_path / "isic", late=late)), shift="late_ids")
    with pytest.raises(ValueError, match=rf"data\.shift takes .* ISIC_0012000 on from train, and these are {late} of"):
        load(asked)


def test_halves_do_not_depend_on_the_other_numbers_and_follow_the_seed():
    entries = tuple(Entry(name, name, shifted=name > "m") for name in "abcdefnopqrstu")
    listed = Listing({"train": entries}, shift="names after m")
    cuts = [
        partition(listed, holdout=holdout, test=test, seed=seed).parts
        for holdout, test, seed in ((0, 0, 0), (2, 3, 0), (2, 3, 1))
    ]
    assert cuts[0]["shifted_val"] == cuts[1]["shifted_val"] != cuts[2]["shifted_val"]
    assert all(sorted(cut["shifted_val"][1] + cut["shifted_test"][1]) == list(range(6, 14)) for cut in cuts)
    with pytest.raises(ValueError, match=r"data\.test=6 leaves nothing of 6 images"):
        partition(listed, holdout=0, test=6, seed=0)


def test_generated_scenes_of_val_and_test_come_back_by_another_camera(tmp_path):
    splits = load(samples.settings(tmp_path, synthetic=SMALL, shift="camera"))
    plain = load(samples.settings(tmp_path, synthetic=SMALL))
    assert plain.shifted_test is None
    for split in ("train", "val", "test"):
        assert getattr(splits, split).ids == getattr(plain, split).ids
        assert splits.description["splits"][split] == plain.description["splits"][split]
    for clean, shifted in ((splits.val, splits.shifted_val), (splits.test, splits.shifted_test)):
        for one, other in zip(clean, shifted, strict=True):
            np.testing.assert_array_equal(one.mask, other.mask)
            np.testing.assert_array_equal(one.fov, other.fov)
            assert np.abs(one.image.astype(int) - other.image).mean() > 5
            assert one.group == other.group == one.id != other.id
    assert not [one.text for one in splits.found if "in more than one split" in one.text or "in two splits" in one.text]


def test_a_folder_lists_its_shifted_images(tmp_path):
    folder = samples.plain(tmp_path / "own")
    (folder / "shifted_val.txt").write_text("c\n")
    (folder / "shifted_test.txt").write_text("d\na.png\n")
    (folder / "test.txt").write_text("e\n")
    splits = load(samples.settings(tmp_path, name="folder", dir=str(folder), holdout=1))
    assert splits.shifted_val.ids == ("c",)
    assert splits.shifted_test.ids == ("d", "a")
    assert {*splits.train.ids, *splits.val.ids} == {"b", "f"}
    (folder / "shifted_test.txt").write_text("d\ne\n")
    with pytest.raises(ValueError, match=r"shifted_test\.txt, line 2: 'e' stands in test\.txt already"):
        load(samples.settings(tmp_path, name="folder", dir=str(folder)))


@pytest.mark.parametrize(
    ("name", "words"),
    [("synthetic", "'' or 'camera'"), ("isic2017", "'' or 'late_ids'"), ("isic2016", "measured in 2017 alone"),
     ("chase_db1", "no file tells which images are of another camera or age"), ("drive", "of another source"),
     ("folder", "shifted_val.txt and shifted_test.txt in data.dir")],
)  # fmt: skip
def test_a_set_that_cannot_be_divided_so_says_why(tmp_path, name, words):
    with pytest.raises(ValueError, match=r"^data\.shift is 'age'; want ''") as caught:
        load(samples.settings(tmp_path, name=name, dir=str(tmp_path), shift="age"))
    assert words in str(caught.value)


def test_folds_are_cut_from_the_images_that_are_not_shifted():
    entries = tuple(Entry(f"{i:02}", f"{i:02}", None, None, shifted=i % 3 == 0) for i in range(12))
    listing = Listing({"train": entries}, shift="numbers that three divides")
    folds = [partition(listing, holdout=1, test=0, seed=0, folds=4, fold=fold).parts for fold in range(4)]
    tested = [place for parts in folds for place in parts["test"][1]]
    assert sorted(tested) == [i for i in range(12) if i % 3]
    assert {parts["shifted_test"] for parts in folds} == {folds[0]["shifted_test"]}
