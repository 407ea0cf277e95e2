"""A set that is not where it should be: each builder says what lies there, and which folder is the right one."""

import os
from pathlib import Path

import pytest
import samples

from jaxseg.data import DATASETS, configure
from jaxseg.data.layout import astray, holds, matching, unpacked

YEAR = (("Training", 2), ("Test", 1))
# set: (what makes its files, one of its folders, what is wanted)
SETS = {
    "drive": (samples.drive, "training/images", "training/images"),
    "stare": (samples.stare, "stare-images", "imNNNN.ah.ppm"),
    "chase_db1": (samples.chase, None, "Image_NNL.jpg"),
    "hrf": (samples.hrf, "manual1", "images/"),
    "isic2016": (
        lambda folder: samples.isic(folder, year=2016, parts=YEAR),
        "ISBI2016_ISIC_Part1_Test_Data",
        "Training",
    ),
    "isic2017": (lambda folder: samples.isic(folder), "ISIC-2017_Training_Data", "Part1_GroundTruth"),
    "isic2018": (
        lambda folder: samples.isic(folder, year=2018, parts=YEAR),
        "ISIC2018_Task1_Test_GroundTruth",
        "Task1",
    ),
    "folder": (samples.plain, "masks", "images/"),
}


def refusal(tmp_path, name, folder):
    builder, config = configure(samples.settings(tmp_path, name=name, dir=str(folder)))
    with pytest.raises(FileNotFoundError) as caught:
        builder.listing(Path(folder), config)
    assert "\n" not in str(caught.value)
    assert "--config.data.dir=" in str(caught.value)
    return str(caught.value)


def test_all_sets_of_files_are_tried_here():
    assert set(SETS) == set(DATASETS) - {"synthetic"}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("above", ["", "a"])
def test_a_folder_one_or_two_levels_too_high_is_told_with_the_right_one(tmp_path, name, above):
    make, _, wanted = SETS[name]
    right = make(tmp_path / "given" / above / "right")
    (tmp_path / "given" / "__MACOSX").mkdir()
    words = refusal(tmp_path, name, tmp_path / "given")
    assert words.startswith(f"{tmp_path / 'given'}: holds no ")
    assert wanted in words
    assert f", only {above or 'right'}/, but {right} has " in words


@pytest.mark.parametrize("name", [name for name, (_, room, _) in SETS.items() if room])
def test_a_folder_too_low_is_told_with_the_right_one(tmp_path, name):
    make, room, _ = SETS[name]
    right = make(tmp_path / "right")
    assert f", but {right} has " in refusal(tmp_path, name, right / room)


@pytest.mark.parametrize(
    ("name", "rooms"),
    [
        ("hrf", ("images", "manual1", "mask")),
        ("stare", ("stare-images", "labels-ah")),
        ("isic2016", ("ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth")),
        ("isic2018", ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth")),
        ("folder", ("images", "masks")),
    ],
)
def test_archives_that_lie_in_a_folder_each_are_told_with_their_places(tmp_path, name, rooms):
    right = SETS[name][0](tmp_path / "right")
    for number, room in enumerate(rooms):
        (right / f"part{number}").mkdir()
        (right / room).rename(right / f"part{number}" / room)
    words = refusal(tmp_path, name, right)
    assert ": put all of it into one folder" in words
    for number in range(len(rooms)):
        assert f"{right}/part{number} has " in words


@pytest.mark.parametrize("name", SETS)
def test_a_folder_of_other_things_is_told_by_some_of_them(tmp_path, name):
    given = tmp_path / "given"
    (given / "b").mkdir(parents=True)
    for other in ("a.txt", "c.txt", "d.txt", "e.txt", "f.txt", ".hidden"):
        (given / other).touch()
    assert ", only a.txt, b/, c.txt, d.txt and 2 more. " in refusal(tmp_path, name, given)


def test_an_absent_split_is_told_with_its_place_and_without_a_list(tmp_path):
    folder = samples.isic(tmp_path / "isic")
    (folder / "later").mkdir()
    for name in ("ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part1_GroundTruth"):
        (folder / name).rename(folder / "later" / name)
    (note,) = [note for note in DATASETS["isic2017"].listing(folder, configured(tmp_path)).notes if "val split" in note]
    assert "only" not in note
    assert note.endswith(f", but {folder / 'later'} has them")


def configured(tmp_path):
    return configure(samples.settings(tmp_path, name="isic2017", dir="nowhere"))[1]


def test_only_what_is_missing_is_said_and_a_part_that_is_elsewhere_is_to_be_moved(tmp_path):
    (tmp_path / "given" / "images").mkdir(parents=True)
    (tmp_path / "given" / "b" / "masks").mkdir(parents=True)
    wanted = {name: holds(name) for name in ("images", "masks")}
    given = tmp_path / "given"
    assert astray(given, wanted) == (
        f"{given}: holds no masks, only b/, images/, but {given / 'b'} has masks: put all of it into one folder"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_passed_over(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0)
    assert astray(tmp_path, {"Image": lambda at: matching(at, "(Image)")}) == f"{tmp_path}: holds no Image, only a/"


def test_what_cannot_be_looked_at_is_not_there(tmp_path):
    def refuses(folder):
        raise PermissionError(folder)

    assert astray(tmp_path, {"images": refuses}) == f"{tmp_path}: holds no images"


def test_files_of_an_archive_are_those_of_the_folder_itself_first(tmp_path):
    inner = tmp_path / "a" / "a"
    inner.mkdir(parents=True)
    (inner / "1.png").touch()
    assert unpacked(tmp_path / "a", r"(\d)\.png") == {"1": inner / "1.png"}
    (tmp_path / "a" / "2.png").touch()
    assert unpacked(tmp_path / "a", r"(\d)\.png") == {"2": tmp_path / "a" / "2.png"}
