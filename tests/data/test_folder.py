import os
from pathlib import Path

import numpy as np
import pytest
import samples
from PIL import Image

from jaxseg.data import images, load, load_split
from jaxseg.data.folder import Folder, FolderConfig

NATIVE = FolderConfig(name="native")


def listing(folder):
    return Folder.listing(folder, NATIVE)


def test_a_plain_folder_needs_no_preparation(tmp_path):
    folder = samples.plain(tmp_path / "own", fov=True)
    splits = load(samples.settings(tmp_path, name="folder", dir=str(folder), holdout=1, test=2))
    found = {record.id: record for records in (splits.train, splits.val, splits.test) for record in records}
    assert sorted(found) == list("abcdef")
    for i, name in enumerate("abcdef"):  # sizes differ from image to image
        image, mask, fov = samples.eye(i, samples.HEIGHT + i, samples.WIDTH)
        np.testing.assert_array_equal(found[name].image, image)
        np.testing.assert_array_equal(found[name].mask, mask)
        np.testing.assert_array_equal(found[name].fov, fov)


def test_formats_mix_and_suffixes_may_be_capitals(tmp_path):
    folder = tmp_path / "own"
    names = {"a.JPG": "a.png", "b.Tif": "b.GIF", "c.jpeg": "c.bmp", "d.gif": "d.TIFF", "e.bmp": "e.png"}
    for i, (image, mask) in enumerate(names.items()):
        samples.save(folder / "images" / image, samples.eye(i)[0])
        samples.save(folder / "masks" / mask, samples.eye(i)[1] * 255)
    records = load_split(samples.settings(tmp_path, name="folder", dir=str(folder)), "train")
    assert records.ids == tuple("abcde")
    for i, record in enumerate(records):
        np.testing.assert_array_equal(record.mask, samples.eye(i)[1])


def test_hidden_and_other_files_are_passed_over_and_told(tmp_path):
    folder = samples.plain(tmp_path / "own", count=2)
    (folder / "images" / ".DS_Store").touch()
    (folder / "images" / "._a.png").touch()
    (folder / "images" / "Thumbs.db").touch()
    (folder / "masks" / "notes.txt").touch()
    found = listing(folder)
    assert len(found.splits["train"]) == 2
    assert [note.split(": ")[1] for note in found.notes] == [
        "1 other files passed over (Thumbs.db)", "1 other files passed over (notes.txt)"
    ]  # fmt: skip


def test_split_files_name_the_splits_in_their_order(tmp_path):
    folder = samples.plain(tmp_path / "own")
    (folder / "train.txt").write_text("d\nb.png\n\n a \n", encoding="utf-8-sig")
    (folder / "test.txt").write_text("e\n")
    found = listing(folder)
    assert {split: [entry.id for entry in entries] for split, entries in found.splits.items()} == {
        "train": ["d", "b", "a"], "test": ["e"]
    }  # fmt: skip
    assert any("2 images stand in no split file" in note for note in found.notes)


def test_without_train_txt_the_rest_trains(tmp_path):
    folder = samples.plain(tmp_path / "own")
    (folder / "val.txt").write_text("c\n")
    found = listing(folder)
    assert [entry.id for entry in found.splits["train"]] == list("abdef")
    assert found.notes == ()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ({"train": "a\nx\n"}, r"train\.txt, line 2: 'x' is no image"),
        ({"train": "a\nb\n", "test": "b\n"}, r"test\.txt, line 1: 'b' stands in train\.txt already"),
        ({"val": "a\na\n"}, r"val\.txt, line 2: 'a' stands in val\.txt already"),
        ({"test": "a\nb\n"}, r"no image is left to train on"),
    ],
)
def test_wrong_split_files_are_refused_by_line(tmp_path, lines, words):
    folder = samples.plain(tmp_path / "own", count=2)
    for split, text in lines.items():
        (folder / f"{split}.txt").write_text(text)
    with pytest.raises(ValueError, match=words):
        listing(folder)


def test_lone_images_masks_and_fields_of_view_are_named(tmp_path):
    folder = samples.plain(tmp_path / "own", fov=True)
    for room, words in (
        ("fov", r"b\.png: has no field of view; .*fov/b\.png is missing"),
        ("masks", r"b\.png: has no mask; .*masks/b\.png is missing"),
    ):
        (folder / room / "b.png").rename(tmp_path / f"{room}.png")
        with pytest.raises(FileNotFoundError, match=words):
            listing(folder)
    (tmp_path / "masks.png").rename(folder / "masks" / "b.png")
    (folder / "images" / "b.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"masks/b\.png: a mask without an image"):
        listing(folder)


def test_the_same_name_twice_is_refused(tmp_path):
    folder = samples.plain(tmp_path / "own")
    samples.save(folder / "images" / "c.tif", samples.eye(0)[0])
    with pytest.raises(ValueError, match=r"images/c\.png and c\.tif: the same name twice"):
        listing(folder)


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"holds no images/ and no masks/\. Give the folder .*--config\.data\.dir="
    ):
        listing(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds no masks/, only images/\. "):
        listing(tmp_path)
    (tmp_path / "masks").mkdir()
    with pytest.raises(FileNotFoundError, match=r"images: holds no picture; it may hold png, "):
        listing(tmp_path)
    samples.save(tmp_path / "images" / "a.png", samples.eye(0)[0])
    with pytest.raises(FileNotFoundError, match=r"masks: holds no picture; it may hold png, "):
        listing(tmp_path)


@pytest.mark.parametrize("room", ["images", "masks"])
def test_pictures_a_level_deeper_are_told(tmp_path, room):
    folder = samples.plain(tmp_path / "own")
    (folder / room).rename(tmp_path / "moved")
    (folder / room).mkdir()
    (tmp_path / "moved").rename(folder / room / room)
    with pytest.raises(
        FileNotFoundError, match=rf"{room}: holds no picture, only {room}/, but \S*{room}/{room} has it"
    ):
        listing(folder)


def wrong_size(folder):
    samples.save(folder / "masks" / "b.png", np.zeros((5, 6), np.uint8))
    return r"masks/b\.png: 6 wide and 5 high, but its image \S*b\.png is 44 wide and 41 high"


def grey(folder):
    samples.save(folder / "masks" / "b.png", np.full((41, 44), 128, np.uint8))
    return r"masks/b\.png: .*holds 128"


def jpeg(folder):
    (folder / "masks" / "b.png").unlink()
    samples.save(folder / "masks" / "b.jpg", np.zeros((41, 44), np.uint8))
    return r"masks/b\.jpg: a JPEG"


def truncated(folder):
    path = folder / "images" / "b.png"
    path.write_bytes(path.read_bytes()[:300])
    return r"images/b\.png: truncated"


def turned(folder):
    exif = Image.Exif()
    exif[0x0112] = 3
    samples.save(folder / "images" / "b.png", samples.eye(1, 41)[0], exif=exif)
    return r"masks/b\.png: its orientation tag \(1\) is another than that of its image \S*images/b\.png \(3\)"


def test_an_image_and_its_mask_that_turn_alike_are_read_upright(tmp_path):
    folder, exif = samples.plain(tmp_path / "own", fov=True), Image.Exif()
    exif[0x0112] = 6
    image, mask, fov = samples.eye(1, 41)
    for kind, array in {"images": image, "masks": mask * 255, "fov": fov * 255}.items():
        samples.save(folder / kind / "b.png", array, exif=exif)
    splits = load(samples.settings(tmp_path, name="folder", dir=str(folder)))
    record = next(record for record in splits.train if record.id == "b")
    for found, stored in ((record.image, image), (record.mask, mask), (record.fov, fov)):
        np.testing.assert_array_equal(found, np.rot90(stored, -1))


def blind(folder):
    samples.save(folder / "fov" / "b.png", np.zeros((41, 44), np.uint8))
    return r"fov/b\.png: an empty field of view"


def background(folder):
    for path in (folder / "masks").iterdir():
        samples.save(path, np.zeros_like(Image.open(path)))
    return "no training mask has a foreground pixel"


@pytest.mark.parametrize("spoil", [wrong_size, grey, jpeg, truncated, turned, blind, background])
def test_every_fault_of_a_file_is_one_line_that_names_it_and_leaves_no_cache(tmp_path, spoil):
    folder = samples.plain(tmp_path / "own", fov=True)
    words = spoil(folder)
    data = samples.settings(tmp_path, name="folder", dir=str(folder))
    with pytest.raises(ValueError, match=words) as caught:
        load(data)
    assert "\n" not in str(caught.value)
    if spoil is not background:
        assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_labels_name_the_foreground(tmp_path):
    folder = samples.plain(tmp_path / "own")
    for i, path in enumerate(sorted((folder / "masks").iterdir())):
        samples.save(path, samples.eye(i, samples.HEIGHT + i)[1] * 7)
    data = samples.settings(tmp_path, name="folder", dir=str(folder))
    with pytest.raises(ValueError, match=r"holds 0, 7\..*data\.labels"):
        load(data)
    np.testing.assert_array_equal(load(data | {"labels": (7,)}).train[2].mask, samples.eye(2, samples.HEIGHT + 2)[1])
    with pytest.raises(ValueError, match=r"no training mask has a foreground pixel; see data\.labels"):
        load(data | {"labels": ("#080808",)})


def test_masks_with_a_suffix_and_several_a_picture_are_taken_and_told(tmp_path):
    folder = samples.plain(tmp_path / "own", count=4)
    first = "a"
    for path in sorted((folder / "masks").iterdir()):
        path.rename(path.with_name(f"{path.stem}_mask{path.suffix}"))
    whole = images.read_binary(folder / "masks" / f"{first}_mask.png")
    half = whole.copy()
    half[:, : half.shape[1] // 2] = 0
    samples.save(folder / "masks" / f"{first}_mask.png", half)
    samples.save(folder / "masks" / f"{first}_mask_1.png", (whole - half) * 255)
    splits = load(samples.settings(tmp_path, name="folder", dir=str(folder)))
    np.testing.assert_array_equal(splits.train[splits.train.ids.index(first)].mask, whole)
    assert any(
        "files are taken as {id}_mask; --config.data.mask_name='{id}_mask' says so" in one for one in splits.notes
    )
    assert any("1 images have several masks, which are united, such as a: a_mask.png, a_mask_1.png" in one
               for one in splits.notes)  # fmt: skip
    told = load(samples.settings(tmp_path, name="folder", dir=str(folder), mask_name="{id}_mask*"))
    assert not any("taken as" in one for one in told.notes)


def test_masks_of_one_image_that_contradict_each_other_are_refused(tmp_path):
    folder = tmp_path / "own"
    image = samples.eye(0)[0]
    one, other = np.zeros(image.shape[:2], np.uint8), np.zeros(image.shape[:2], np.uint8)
    one[:20], other[10:30] = 1, 2
    samples.save(folder / "images" / "a.png", image)
    samples.save(folder / "masks" / "a_1.png", one)
    samples.save(folder / "masks" / "a_2.png", other)
    named = {"classes": {"one": 1, "two": 2}, "mask_name": "{id}*"}
    settings = samples.settings(tmp_path, name="folder", dir=str(folder), **named)
    with pytest.raises(ValueError, match=r"a_2\.png: gives pixels another class than another mask of its image"):
        load(settings)
    other[10:20] = 0
    samples.save(folder / "masks" / "a_2.png", other)
    np.testing.assert_array_equal(load(settings).train[0].mask, one + other)
    samples.save(folder / "masks" / "a_2.png", other[1:])
    with pytest.raises(ValueError, match=r"a_2\.png: .* high, unlike the other masks of its image"):
        load(settings)


def test_images_of_one_person_stay_together(tmp_path):
    folder = tmp_path / "own"
    for place, name in enumerate(f"{person:02d}{side}" for person in range(6) for side in "LR"):
        image, mask, _ = samples.eye(place)
        samples.save(folder / "images" / f"{name}.png", image)
        samples.save(folder / "masks" / f"{name}.png", mask * 255)
    settings = samples.settings(tmp_path, name="folder", dir=str(folder), holdout=4, test=2)
    assert any("12 names differ by a side alone, such as 00L and 00R" in note for note in load(settings).notes)
    splits = load(settings | {"group_pattern": r"(\d+)[LR]"})
    assert not any("by a side alone" in note for note in splits.notes)
    people = [{name[:2] for name in records.ids} for records in (splits.train, splits.val, splits.test)]
    assert [len(one) for one in people] == [3, 2, 1]
    assert not people[0] & people[1] | people[0] & people[2] | people[1] & people[2]
    (folder / "groups.txt").write_text(
        "".join(f"{person:02d}{side},{person}\n" for person in range(6) for side in "LR")
    )
    again = load(settings)
    assert [again.train.ids, again.val.ids] == [splits.train.ids, splits.val.ids]
    (folder / "test.txt").write_text("00L\n")
    assert [one.rule for one in load(settings | {"test": 0}).found] == ["group in two splits"]


def test_a_name_that_is_not_utf8_is_told_in_one_line(tmp_path):
    folder = samples.plain(tmp_path / "own", count=3)
    bad = os.fsencode(folder / "images") + b"/caf\xe9.png"
    try:
        Path(os.fsdecode(bad)).write_bytes((folder / "masks").joinpath(next((folder / "masks").iterdir())).read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    with pytest.raises(ValueError, match=r"images: the name 'caf\\udce9\.png' is not UTF-8"):
        load(samples.settings(tmp_path, name="folder", dir=str(folder)))


def test_capitals_in_the_names_of_folders_do_not_matter(tmp_path):
    folder = samples.plain(tmp_path / "own", count=3)
    for name in ("images", "masks"):
        (folder / name).rename(folder / f"{name}_")  # where capitals do not tell folders apart
        (folder / f"{name}_").rename(folder / name.upper())
    assert load(samples.settings(tmp_path, name="folder", dir=str(folder))).train.ids == ("a", "b", "c")


def test_two_fields_of_view_of_an_image_and_images_in_no_group_are_told(tmp_path):
    folder = samples.plain(tmp_path / "own", fov=True)
    (folder / "groups.txt").write_text("a,p\nb,p\n")
    notes = load(samples.settings(tmp_path, name="folder", dir=str(folder))).notes
    assert "4 images are in no group (c, d, e, ...): each is taken as one of its own" in notes
    for name in "abcdef":
        (folder / "fov" / f"{name}.png").rename(folder / "fov" / f"{name}_1.png")
    samples.save(folder / "fov" / "a_2.png", np.ones((40, 44), np.uint8))
    with pytest.raises(ValueError, match=r"fov/a_2\.png: a second field of view of a, beside a_1\.png; keep one"):
        load(samples.settings(tmp_path, name="folder", dir=str(folder)))
