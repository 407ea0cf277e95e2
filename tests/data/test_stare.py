import gzip

import numpy as np
import pytest
import samples

from jaxseg.data import load
from jaxseg.data.builder import Config
from jaxseg.data.field_of_view import field_of_view
from jaxseg.data.stare import OPENING, Stare

NATIVE = Config(name="native")
ROOMS = ("stare-images", "labels-ah", "labels-vk")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("rooms", [ROOMS, ("", "", ""), tuple(f"{room}/{room}" for room in ROOMS)])
def test_both_observers_are_read_from_one_folder_and_from_those_of_the_archives(tmp_path, rooms, packed):
    folder = samples.stare(tmp_path / "STARE", rooms=rooms, packed=packed)
    splits = load(samples.settings(tmp_path, name="stare", dir=str(folder)))
    assert splits.train.ids == ("im0001", "im0002", "im0044")
    assert (splits.val, splits.test) == (None, None)
    for record in splits.train:
        image, mask, fov = samples.slide(int(record.id[2:]))
        np.testing.assert_array_equal(record.image, image)
        np.testing.assert_array_equal(record.mask, mask)
        np.testing.assert_array_equal(record.observer2, samples.observer2(mask))
        assert (record.fov == fov).mean() > 0.99
        assert record.group == record.id
    assert any("3 of the 20 published images" in note for note in splits.notes)


def test_val_and_test_are_cut_on_request(tmp_path):
    folder = samples.stare(tmp_path / "STARE")
    splits = load(samples.settings(tmp_path, name="stare", dir=str(folder), test=1, holdout=1))
    assert [len(records) for records in (splits.train, splits.val, splits.test)] == [1, 1, 1]


def test_of_a_file_that_is_there_packed_and_unpacked_the_unpacked_one_is_read(tmp_path):
    folder = samples.stare(tmp_path / "STARE")
    path = folder / "stare-images" / "im0002.ppm.gz"
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    for _ in range(2):  # packed as well, then no longer
        entries = Stare.listing(folder, NATIVE).splits["train"]
        assert [entry.image.name for entry in entries] == ["im0001.ppm.gz", "im0002.ppm", "im0044.ppm.gz"]
        path.unlink(missing_ok=True)


def test_a_copy_without_the_second_observer_is_read_and_says_so(tmp_path):
    folder = samples.stare(tmp_path / "STARE")
    (folder / "labels-vk").rename(tmp_path / "elsewhere")
    listing = Stare.listing(folder, NATIVE)
    assert Stare.read(listing.splits["train"][0], NATIVE).observer2 is None
    assert any(note == f"observer 2 is left out: {folder}: holds no imNNNN.vk.ppm[.gz]" for note in listing.notes)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("labels-ah/im0002.ah.ppm.gz", r"im0002\.ppm\.gz: has no mask by Adam Hoover; \S*ah/im0002\.ah\.ppm\.gz is"),
        (
            "labels-vk/im0002.vk.ppm.gz",
            r"im0002\.ppm\.gz: has no mask by Valentina Kouznetsova; \S*im0002\.vk\.ppm\.gz",
        ),
        ("stare-images/im0002.ppm.gz", r"im0002\.ah\.ppm\.gz: a mask by Adam Hoover without an image"),
    ],
)
def test_a_lone_file_is_named(tmp_path, missing, words):
    folder = samples.stare(tmp_path / "STARE")
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=words):
        Stare.listing(folder, NATIVE)


@pytest.mark.parametrize(("gone", "wanted"), [("stare-images", r"imNNNN\.ppm"), ("labels-ah", r"imNNNN\.ah\.ppm")])
def test_without_images_or_masks_the_error_says_where_to_get_them(tmp_path, gone, wanted):
    folder = samples.stare(tmp_path / "STARE")
    (folder / gone).rename(tmp_path / "elsewhere")
    words = rf"STARE: holds no {wanted}\[\.gz\], only labels-.*https://cecas\.clemson\.edu/~ahoover/stare.*data\.dir="
    with pytest.raises(FileNotFoundError, match=words) as caught:
        Stare.listing(folder, NATIVE)
    assert "\n" not in str(caught.value)


def cut(path):
    path.write_bytes(path.read_bytes()[:200])
    return "truncated"


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    return "a damaged gzip file|truncated"


def grey(path):
    _, mask, _ = samples.slide(2)
    samples.save(path.with_suffix(""), mask * 77)
    path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
    path.with_suffix("").unlink()
    return "a mask holds only 0 and 1, or only 0 and 255; this one holds 0, 77"


@pytest.mark.parametrize("spoil", [cut, flipped, grey])
def test_a_damaged_file_is_named_in_one_line(tmp_path, spoil):
    folder = samples.stare(tmp_path / "STARE")
    words = spoil(folder / "labels-ah" / "im0002.ah.ppm.gz")
    with pytest.raises(ValueError, match=rf"labels-ah/im0002\.ah\.ppm\.gz: ({words})") as caught:
        load(samples.settings(tmp_path, name="stare", dir=str(folder)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ground", [(0, 5), (0, 25), (10, 45), (40, 60)])
@pytest.mark.parametrize("height", [0.6, 0.46])  # of the frame, from its middle: cut by the frame, cut inside it
def test_a_disc_on_any_of_the_known_grounds_is_found_with_its_straight_cuts(ground, height):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:605, :700]
    disc = (np.hypot(y - 302, x - 350) < 325) & (abs(y - 302) < height * 605)
    image = rng.integers(*ground, (605, 700, 3), dtype=np.uint8)
    image[disc] = (95, 40, 15)  # the dimmest of a retina: grey 55, L* 25
    image[disc & (x > 400)] = (200, 110, 50)
    image[280:330, 150:200] = 10  # a haemorrhage
    found = field_of_view(image, "im0001.ppm", OPENING)
    assert (found != disc).mean() < 0.003


def test_a_disc_that_is_cut_to_half_its_height_is_told_by_its_rim_and_refused_where_none_should_be_cut():
    y, x = np.mgrid[:605, :700]
    disc = (np.hypot(y - 302, x - 350) < 345) & (abs(y - 302) < 172)
    image = np.repeat(disc[..., None], 3, axis=-1).astype(np.uint8) * 100
    assert (field_of_view(image, "im0001.ppm", OPENING) != disc).mean() < 0.002
    with pytest.raises(
        ValueError, match=r"^im0001\.ppm: its lit region covers 5\d% of the frame and overlaps a disc by"
    ):
        field_of_view(image, "im0001.ppm")


def test_of_several_grey_levels_the_lowest_with_a_round_region_is_taken():
    """A dim rim is part of the field of view, though what is brighter than it is a little rounder."""
    y, x = np.mgrid[:605, :700]
    radius = np.hypot(y - 302, x - 350)
    image = np.zeros((605, 700, 3), np.uint8)
    image[radius < 300] = (45, 20, 10)
    image[(radius < 300) & (radius > 285) & (x > 300) & (x < 330)] = 0
    image[radius < 280] = (200, 110, 50)
    assert (field_of_view(image, "im0001.ppm", OPENING) != (radius < 300)).mean() < 0.003


@pytest.mark.parametrize("case", ["black", "bright", "square", "small", "ring", "quarter"])
def test_an_implausible_field_of_view_is_refused_by_name(case):
    y, x = np.mgrid[:605, :700]
    radius = np.hypot(y - 302, x - 350)
    lit = {
        "black": radius < 0,
        "bright": radius < 1000,
        "square": (abs(y - 302) < 280) & (abs(x - 350) < 280),
        "small": radius < 200,
        "ring": (radius < 300) & (radius > 150),
        "quarter": (radius < 325) & ((x > 350) | (y > 302)),
    }[case]
    image = np.repeat(lit[..., None], 3, axis=-1).astype(np.uint8) * 100
    with pytest.raises(ValueError, match=r"^im0001\.ppm: "):
        field_of_view(image, "im0001.ppm", OPENING)
