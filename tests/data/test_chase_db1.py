import os
from pathlib import Path

import numpy as np
import pytest
import samples

from jaxseg.data import load
from jaxseg.data.chase_db1 import ChaseConfig, ChaseDb1
from jaxseg.data.field_of_view import field_of_view

NATIVE = ChaseConfig(name="native")
DATA = os.environ.get("JAXSEG_DATA")


def test_both_observers_are_kept_and_children_stay_together(tmp_path):
    folder = samples.chase(tmp_path / "chase", children=(1, 2, 3, 11))
    data = samples.settings(tmp_path, name="chase_db1", dir=str(folder), holdout=2)
    splits = load(data)
    assert splits.test.ids == ("Image_11L", "Image_11R")
    assert (len(splits.train), len(splits.val)) == (4, 2)
    groups = [{record.group for record in records} for records in (splits.train, splits.val)]
    assert len(groups[1]) == 1
    assert not groups[0] & groups[1]
    record = splits.test[1]
    _, mask, fov = samples.eye(23, *samples.CHASE)
    np.testing.assert_array_equal(record.mask, mask)
    np.testing.assert_array_equal(record.observer2, samples.observer2(mask))
    assert (record.fov == fov).mean() > 0.98
    assert any("8 of the 28 published images" in note for note in splits.notes)


def test_folds_are_cut_from_all_children(tmp_path):
    folder = samples.chase(tmp_path / "chase", children=(1, 2, 11, 12))
    settings = samples.settings(tmp_path, name="chase_db1", dir=str(folder), folds=2)
    folds = [load(settings | {"fold": fold}) for fold in (0, 1)]
    tests = [{name[6:8] for name in fold.test.ids} for fold in folds]
    assert tests[0] | tests[1] == {"01", "02", "11", "12"}
    assert [len(fold.test) for fold in folds] == [4, 4]
    for fold in folds:
        assert not set(fold.train.ids) & set(fold.test.ids)
        assert fold.description["content_hash"] == folds[0].description["content_hash"]
        assert fold.description["groups"]["test"] == {name: name[6:8] for name in fold.test.ids}
        assert not any("left out" in note for note in fold.notes)
    assert folds[1].description["rule"]["test"] == "fold 1 of 2, numbered from 0, cut from 8 images, data.split_seed=0"
    assert len(load(settings | {"folds": 0}).test) == 4


@pytest.mark.parametrize("suffix", ["_1stHO.png", "_2ndHO.png", ".jpg"])
def test_a_lone_file_is_named(tmp_path, suffix):
    folder = samples.chase(tmp_path / "chase")
    (folder / f"Image_02R{suffix}").unlink()
    with pytest.raises(FileNotFoundError, match="Image_02R.*(has no mask by the|without an image)"):
        ChaseDb1.listing(folder, NATIVE)


def test_without_the_data_the_error_says_where_to_get_it_and_where_to_put_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no Image_NNL\.jpg\. Get .*kingston\.ac\.uk.*--config\.data\.dir="):
        load(samples.settings(tmp_path, name="chase_db1", dir=str(tmp_path)))


def test_a_field_of_view_is_found_under_a_dark_rim_and_specks_are_not_part_of_it():
    _, _, disc = samples.eye(0, 200, 200)
    image = np.repeat(disc[..., None] * np.uint8(90), 3, axis=-1)
    image[:10, :10] = 200  # a label in the corner
    image[95:105, 95:105] = 0  # a hole
    image[60:64, 5:12] = 0  # a nibble at the rim
    found = field_of_view(image, "a.jpg")
    assert (found != disc).mean() < 0.005


@pytest.mark.parametrize("case", ["black", "bright", "half", "square", "small", "ring"])
def test_an_implausible_field_of_view_is_refused_by_name(case):
    y, x = np.mgrid[:200, :200] - 99.5
    radius = np.hypot(x, y)
    lit = {
        "black": radius < 0,
        "bright": radius < 1000,
        "half": (radius < 94) & (x < 0),
        "square": np.maximum(abs(x), abs(y)) < 80,
        "small": radius < 40,
        "ring": (radius < 94) & (radius > 50),
    }[case]
    image = np.repeat(lit[..., None], 3, axis=-1).astype(np.uint8) * 100
    with pytest.raises(ValueError, match=r"^eye\.jpg: "):
        field_of_view(image, "eye.jpg")


@pytest.mark.skipif(not DATA, reason="JAXSEG_DATA names no folder with chase_db1/")
def test_the_published_images_are_split_by_child_and_have_plausible_fields_of_view(tmp_path):
    splits = load(samples.settings(tmp_path, name="chase_db1", dir=str(Path(DATA) / "chase_db1"), holdout=4))
    assert [len(records) for records in (splits.train, splits.val, splits.test)] == [16, 4, 8]
    assert splits.notes == ()
    assert (splits.test.ids[0], splits.test.ids[-1]) == ("Image_11L", "Image_14R")
    # Red photographs: the channels' order has not been swapped on the way.
    assert splits.preprocess.mean[0] > splits.preprocess.mean[1] > splits.preprocess.mean[2]
    for records in (splits.train, splits.val, splits.test):
        for record in records:
            assert record.image.shape == (960, 999, 3)
            assert 0.65 < record.fov.mean() < 0.70
            for mask in (record.mask, record.observer2):
                assert 0.04 < mask.mean() < 0.10
                assert (mask & (1 - record.fov)).sum() < 0.01 * mask.sum()
