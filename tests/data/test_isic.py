import numpy as np
import pytest
import samples
import tensorflow_datasets as tfds

from jaxseg.data import DATASETS, load
from jaxseg.data.builder import Config
from jaxseg.data.isic import Isic2016, Isic2017, Isic2018

NATIVE = Config(name="native")
TRAINING = {
    2016: ("ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth"),
    2017: ("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"),
    2018: ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"),
}
YEARS = {
    2016: (Isic2016, (("Training", 3), ("Test", 2)), {"train": 3, "test": 2}),
    2017: (Isic2017, (("Training", 3), ("Validation", 1), ("Test_v2", 2)), {"train": 3, "val": 1, "test": 2}),
    2018: (Isic2018, (("Training", 3), ("Validation", 1), ("Test", 2)), {"train": 3, "val": 1, "test": 2}),
}


@pytest.mark.parametrize("year", YEARS)
def test_the_official_parts_are_the_splits_and_superpixels_are_no_masks(tmp_path, year):
    _, parts, counts = YEARS[year]
    folder = samples.isic(tmp_path / "isic", year=year, parts=parts)
    splits = load(samples.settings(tmp_path, name=f"isic{year}", dir=str(folder)))
    numbers = iter(range(6))
    for split, count in counts.items():
        records = getattr(splits, split)
        assert records.ids == tuple(f"ISIC_{next(numbers):07d}" for _ in range(count))
        for record in records:
            image, mask, _ = samples.eye(int(record.id[5:]))
            assert np.abs(record.image.astype(int) - image).mean() < 25  # JPEG of noise
            np.testing.assert_array_equal(record.mask, mask)
            assert record.fov is None
            assert record.observer2 is None
            assert record.group == record.id
    assert (splits.val is None) == (year == 2016)


def test_what_the_years_share_is_no_data_set():
    assert "isic" not in tfds.core.registered.list_imported_builders()


@pytest.mark.parametrize(
    ("year", "counts"),
    [
        (2016, {"train": 900, "test": 379}),
        (2017, {"train": 2000, "val": 150, "test": 600}),
        (2018, {"train": 2594, "val": 100, "test": 1000}),
    ],
)
def test_fewer_images_than_published_are_told(tmp_path, year, counts):
    builder, parts, _ = YEARS[year]
    notes = builder.listing(samples.isic(tmp_path / "isic", year=year, parts=parts), NATIVE).notes
    assert [note.partition(" of the ")[2] for note in notes] == [
        f"{count} published images" for count in counts.values()
    ]


def test_the_cache_of_2017_has_the_key_that_it_had_before_there_were_other_years(tmp_path):
    """Of files whose bytes no library decides; recorded at the commit before isic2016 and isic2018."""
    from jaxseg.data import cache

    folder = tmp_path / "isic"
    for name in TRAINING[2017]:
        (folder / name).mkdir(parents=True)
    (folder / TRAINING[2017][0] / "ISIC_0000000.jpg").write_bytes(b"image")
    (folder / TRAINING[2017][1] / "ISIC_0000000_segmentation.png").write_bytes(b"mask")
    listing = Isic2017.listing(folder, NATIVE)
    digests = cache.digest(Isic2017, NATIVE, listing)
    assert cache.key(Isic2017, NATIVE, listing, digests) == "cccab916e9c9c77b51c686f9919baba8"


@pytest.mark.parametrize("gone", ["ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part1_GroundTruth"])
def test_an_absent_part_is_left_out_and_told(tmp_path, gone):
    folder = samples.isic(tmp_path / "isic")
    (folder / gone).rename(tmp_path / "elsewhere")
    listing = Isic2017.listing(folder, NATIVE)
    assert list(listing.splits) == ["train", "test"]
    assert any("val split is left out" in note and gone in note for note in listing.notes)


@pytest.mark.parametrize("kind", [0, 1])
def test_an_empty_part_is_left_out_and_told(tmp_path, kind):
    folder = samples.isic(tmp_path / "isic", year=2018, parts=(("Training", 1), ("Test", 1)))
    room = folder / ("ISIC2018_Task1-2_Test_Input", "ISIC2018_Task1_Test_GroundTruth")[kind]
    for path in room.iterdir():
        path.unlink()
    listing = Isic2018.listing(folder, NATIVE)
    assert list(listing.splits) == ["train"]
    wanted = ("ISIC_NNNNNNN.jpg", "ISIC_NNNNNNN_segmentation.png")[kind]
    assert any(f"test split is left out: {room}: holds no {wanted}" in note for note in listing.notes)


@pytest.mark.parametrize("year", YEARS)
def test_without_training_images_the_error_says_where_to_get_them(tmp_path, year):
    folder = samples.isic(tmp_path / "isic", year=year, parts=(("Test", 1),))
    images, _ = TRAINING[year]
    words = rf"holds no {images} and no .*https://challenge\.isic-archive\.com/data/#{year}, .*--config\.data\.dir"
    with pytest.raises(FileNotFoundError, match=words) as caught:
        DATASETS[f"isic{year}"].listing(folder, NATIVE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("year", YEARS)
def test_an_image_without_its_mask_is_named(tmp_path, year):
    folder = samples.isic(tmp_path / "isic", year=year, parts=(("Training", 2),))
    mask = next((folder / TRAINING[year][1]).glob("ISIC_0000001_*"))
    mask.unlink()
    with pytest.raises(FileNotFoundError, match=rf"ISIC_0000001\.jpg: has no lesion mask; \S*{mask.name} is missing"):
        DATASETS[f"isic{year}"].listing(folder, NATIVE)


def test_a_mask_whose_name_has_the_letter_of_the_other_year_is_read(tmp_path):
    folder = samples.isic(tmp_path / "isic", parts=(("Training", 1),))
    mask = folder / TRAINING[2017][1] / "ISIC_0000000_segmentation.png"
    mask.rename(mask.with_name("ISIC_0000000_Segmentation.png"))
    assert len(Isic2017.listing(folder, NATIVE).splits["train"]) == 1


@pytest.mark.parametrize("year", YEARS)
def test_an_archive_in_a_folder_of_its_own_name_is_read_as_it_is(tmp_path, year):
    builder, parts, _ = YEARS[year]
    plain = builder.listing(samples.isic(tmp_path / "plain", year=year, parts=parts), NATIVE)
    folder = samples.isic(tmp_path / "isic", year=year, parts=parts)
    for room in [path for path in folder.iterdir() if path.is_dir()]:
        room.rename(tmp_path / "moved")
        room.mkdir()
        (tmp_path / "moved").rename(room / room.name)
    found = builder.listing(folder, NATIVE)
    assert found.notes == plain.notes
    for split, entries in plain.splits.items():
        assert [entry.id for entry in found.splits[split]] == [entry.id for entry in entries]
        for entry, other in zip(found.splits[split], entries, strict=True):
            assert {role: path.read_bytes() for role, path in entry.files.items()} == {
                role: path.read_bytes() for role, path in other.files.items()
            }
    (folder / TRAINING[year][1] / TRAINING[year][1] / entry_mask(year)).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{TRAINING[year][1]}/{TRAINING[year][1]}/\S* is missing"):
        builder.listing(folder, NATIVE)


def entry_mask(year):
    return f"ISIC_0000001{samples.ISIC[year][2]}"


def test_an_archive_in_a_folder_of_another_name_is_told(tmp_path):
    folder = samples.isic(tmp_path / "isic")
    room = folder / "ISIC-2017_Training_Data"
    (room / "inner").mkdir()
    for path in room.glob("ISIC*"):
        path.rename(room / "inner" / path.name)
    with pytest.raises(
        FileNotFoundError, match=rf"{room}: holds no ISIC_NNNNNNN\.jpg, only inner/, but {room}/inner has it"
    ):
        Isic2017.listing(folder, NATIVE)


def truncated(folder):
    path = folder / "ISIC2018_Task1-2_Training_Input" / "ISIC_0000001.jpg"
    path.write_bytes(path.read_bytes()[:500])
    return r"Training_Input/ISIC_0000001\.jpg: truncated"


def grey(folder):
    samples.save(folder / TRAINING[2018][1] / "ISIC_0000001_segmentation.png", samples.eye(1)[1] * 100)
    return r"Training_GroundTruth/ISIC_0000001_segmentation\.png: .*holds 0, 100"


def small(folder):
    samples.save(folder / TRAINING[2018][1] / "ISIC_0000001_segmentation.png", np.zeros((5, 6), np.uint8))
    return r"ISIC_0000001_segmentation\.png: 6 wide and 5 high, but its image \S*ISIC_0000001\.jpg is 44 wide"


@pytest.mark.parametrize("spoil", [truncated, grey, small])
def test_a_damaged_file_is_named_in_one_line(tmp_path, spoil):
    folder = samples.isic(tmp_path / "isic", year=2018, parts=(("Training", 2),))
    words = spoil(folder)
    with pytest.raises(ValueError, match=words) as caught:
        load(samples.settings(tmp_path, name="isic2018", dir=str(folder)))
    assert "\n" not in str(caught.value)


def test_resized_masks_follow_their_images(tmp_path):
    """A lesion drawn into both the image and the mask stays in one place at an uneven smaller size."""
    folder = samples.isic(tmp_path / "isic")
    mask = np.zeros((90, 120), np.uint8)
    mask[20:50, 30:95] = 255
    samples.save(folder / "ISIC-2017_Training_Data" / "ISIC_0000000.jpg", np.repeat(mask[..., None], 3, -1), quality=95)
    samples.save(folder / "ISIC-2017_Training_Part1_GroundTruth" / "ISIC_0000000_segmentation.png", mask)
    data = samples.settings(tmp_path, name="isic2017", dir=str(folder), image_size=(37, 41))
    record = load(data).train[0]
    assert record.image.shape == (37, 41, 3)
    assert ((record.image[..., 0] > 127) == record.mask).mean() > 0.99
