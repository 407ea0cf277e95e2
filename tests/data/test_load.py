import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import samples

from jaxseg.data import DATASETS, Preprocess, configure, load, load_split
from jaxseg.jobs import doctor

DATA = os.environ.get("JAXSEG_DATA")


@pytest.fixture
def data(tmp_path):
    folder = samples.plain(tmp_path / "own", count=8, fov=True)
    return samples.settings(
        tmp_path, name="folder", dir=str(folder), test=2, holdout=2, image_size=(24, 28),
        clahe={"mode": "lab", "clip_limit": 2.0, "tiles": 4},
    )  # fmt: skip


def test_prepared_records_are_resized_equalised_and_still_binary(data):
    splits = load(data)
    for record, native in zip(splits.train, load_split(data, "train"), strict=True):
        assert record.id == native.id
        np.testing.assert_array_equal(record.image, splits.preprocess.prepare(native.image))
        np.testing.assert_array_equal(record.mask, splits.preprocess.prepare_mask(native.mask))
        np.testing.assert_array_equal(record.fov, splits.preprocess.prepare_mask(native.fov))
        assert native.image.shape != record.image.shape == (24, 28, 3)


def test_statistics_are_those_of_the_training_images_alone(data):
    splits = load(data)
    pixels = np.concatenate([record.image.reshape(-1, 3) for record in splits.train]).astype(np.float64)
    np.testing.assert_allclose(splits.preprocess.mean, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(splits.preprocess.std, pixels.std(axis=0), rtol=1e-12)
    assert load(data | {"holdout": 1}).preprocess.mean != splits.preprocess.mean
    assert splits.preprocess == Preprocess((24, 28), "lab", 2.0, 4, splits.preprocess.mean, splits.preprocess.std)


def test_sizes_are_known_without_reading(data):
    splits = load(data | {"image_size": ()})
    assert splits.val.sizes == tuple(record.mask.shape for record in splits.val)
    assert len(set(splits.train.sizes)) == 4
    splits.train._read = pytest.fail
    assert splits.train[1:].sizes == splits.train.sizes[1:]


def test_native_records_are_of_the_same_cut(data):
    splits = load(data)
    for split in ("train", "val", "test"):
        records = getattr(splits, split)
        assert load_split(data, split).ids == records.ids
        assert [record.id for record in records] == list(records.ids)


def test_the_description_tells_all_and_is_json(data):
    splits = load(data)
    told = json.loads(json.dumps(splits.description))
    assert told["rule"]["test"] == "drawn at random from 8 training images, data.split_seed=0"
    assert {split: part["num_images"] for split, part in told["splits"].items()} == {"train": 4, "val": 2, "test": 2}
    assert told["splits"]["val"]["ids"] == list(splits.val.ids)
    digests = told["splits"]["val"]["digests"][splits.val.ids[0]]
    assert set(digests) == {"image", "mask", "fov"}
    assert told["groups"] == {"train": {}, "val": {}, "test": {}}  # every image is a group of its own
    assert told["content_hash"] == next(p.stem for p in Path(data["cache_dir"]).iterdir() if p.is_dir())


def test_the_description_tells_which_images_are_of_one_group(data, tmp_path):
    pairs = dict(zip("abcdefgh", "ppqqrrss", strict=True))
    (tmp_path / "own" / "groups.txt").write_text("".join(f"{name}, {group}\n" for name, group in pairs.items()))
    splits = load(data)
    for split in ("train", "val", "test"):
        records = getattr(splits, split)
        assert splits.description["groups"][split] == {name: pairs[name] for name in records.ids}
        assert [record.group for record in records] == [pairs[name] for name in records.ids]


def test_the_same_image_in_two_splits_is_told(data, tmp_path):
    test, train = load_split(data, "test").ids[0], load_split(data, "train").ids[0]
    for room in ("images", "masks", "fov"):
        (tmp_path / "own" / room / f"{test}.png").write_bytes((tmp_path / "own" / room / f"{train}.png").read_bytes())
    found = load(data).found
    assert any(f"byte for byte, such as {train} (train) and {test} (test)" in one.text for one in found)


def test_unknown_sets_and_splits_are_refused_with_what_there_is(data):
    with pytest.raises(ValueError, match=r"data\.name is 'chase' \(did you mean 'chase_db1'\?\); choose one of synth"):
        load(data | {"name": "chase"})
    with pytest.raises(ValueError, match=r"folder has no 'val' split, only train, test\. no val images"):
        load_split(data | {"holdout": 0}, "val")


WRONG = {
    "data.name": ({"name": "drvie"}, r"is 'drvie' \(did you mean 'drive'\?\); choose one of synthetic, drive"),
    "data.labels": ({"labels": ("red",)}, "holds 'red'; each is a grey value"),
    "data.image_size": ({"image_size": (128,)}, r"is \(128,\); want \(height, width\) in pixels, or \(\) for each"),
    "data.clahe.mode": ({"clahe": {"mode": "hsv"}}, "is 'hsv'; choose one of none, lab"),
    "data.clahe.clip_limit": ({"clahe": {"clip_limit": 0}}, "is 0.0; want a number above 0"),
    "data.clahe.tiles": ({"clahe": {"tiles": 0}}, "is 0; want a number of tiles, 1 to 256"),
    "data.holdout": ({"holdout": -1}, "is -1; want a number of images"),
    "data.test": ({"test": -1}, "is -1; want a number of images"),
    "data.split_seed": ({"split_seed": -1}, "is -1; want 0 to"),
    "data.synthetic.kind": ({"synthetic": {"kind": "lesoin"}}, r"is 'lesoin' \(did you mean 'lesion'\?\); choose"),
    "data.synthetic.size": ({"synthetic": {"size": 31}}, "is 31; want a number of pixels, 32 or more"),
    "data.synthetic.train": ({"synthetic": {"train": 0}}, "is 0; want a number of images, 1 or more"),
    "data.synthetic.val": ({"synthetic": {"val": -1}}, "is -1; want a number of images, 0 or more"),
    "data.synthetic.test": ({"synthetic": {"test": -1}}, "is -1; want a number of images, 0 or more"),
}


@pytest.mark.parametrize("setting", WRONG)
def test_a_wrong_setting_is_named_before_any_file_is_read(tmp_path, setting):
    changes, words = WRONG[setting]
    name = "synthetic" if "synthetic" in setting else "folder"
    with pytest.raises(ValueError, match=rf"^{re.escape(setting)} {words}"):
        configure(samples.settings(tmp_path, **{"name": name, "dir": "nowhere"} | changes))


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "folder"])
def test_labels_are_for_a_folder_alone(tmp_path, name):
    words = rf"^data\.labels is \(1,\); want \(\): {name} has masks and names of its own, and labels is for data.name"
    with pytest.raises(ValueError, match=words):
        configure(samples.settings(tmp_path, name=name, dir="nowhere", labels=(1,)))
    builder, config = configure(samples.settings(tmp_path, name="folder", dir="nowhere", labels=(1,)))
    assert (builder, config.labels) == (DATASETS["folder"], (1,))


@pytest.mark.parametrize("name", DATASETS)
def test_a_set_of_files_needs_a_folder_and_says_where_to_get_the_images(tmp_path, name):
    settings = samples.settings(tmp_path, name=name)
    if name == "synthetic":
        assert configure(settings)[0] is DATASETS[name]
    else:
        with pytest.raises(FileNotFoundError, match=rf"^data\.dir is empty, and {name} .*--config\.data\.dir=FOLDER"):
            configure(settings)


def test_too_large_a_holdout_is_refused_before_anything_is_prepared(data):
    with pytest.raises(ValueError, match=r"data\.holdout=6 leaves nothing of 6 images"):
        load(data | {"holdout": 6})
    assert not Path(data["cache_dir"]).exists()


@pytest.mark.skipif(not DATA, reason="JAXSEG_DATA names no folder with isic2017/")
def test_isic_is_prepared_in_seconds_and_cut_by_permuted_id(tmp_path):
    data = samples.settings(
        tmp_path, name="isic2017", dir=str(Path(DATA) / "isic2017"), image_size=(64, 64), test=400, holdout=100
    )
    splits = load(data)
    assert [len(records) for records in (splits.train, splits.val, splits.test)] == [1500, 100, 400]
    ids = sorted(splits.train.ids + splits.val.ids + splits.test.ids)
    permuted = np.random.RandomState(0).permutation(2000)[:400]
    assert set(splits.test.ids) == {ids[i] for i in permuted}
    assert sum("left out" in note for note in splits.notes) == 2
    assert 0.1 < np.mean([record.mask.mean() for record in splits.test]) < 0.4


@pytest.mark.parametrize("name", ["drive", "chase_db1", "isic2017", "folder"])
def test_the_doctor_knows_a_set_by_its_layout(tmp_path, name):
    write = {"drive": samples.drive, "chase_db1": samples.chase, "isic2017": samples.isic, "folder": samples.plain}[
        name
    ]
    found = doctor.examine(str(write(tmp_path / "set")), None, progress=False)
    assert found.about[0].startswith(f"{name} in ")
    assert all(one.severity == "note" for one in found.findings), found.findings
