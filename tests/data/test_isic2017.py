import numpy as np
import pytest
import samples

from jaxseg.data import load
from jaxseg.data.builder import Config
from jaxseg.data.isic2017 import Isic2017

NATIVE = Config(name="native")


def test_the_three_official_parts_are_the_splits_and_superpixels_are_no_masks(tmp_path):
    data = samples.settings(tmp_path, name="isic2017", dir=str(samples.isic(tmp_path / "isic")))
    splits = load(data)
    assert [records.ids for records in (splits.train, splits.val, splits.test)] == [
        ("ISIC_0000000", "ISIC_0000001", "ISIC_0000002"), ("ISIC_0000003",), ("ISIC_0000004", "ISIC_0000005")
    ]  # fmt: skip
    for record in splits.test:
        image, mask, _ = samples.eye(int(record.id[5:]))
        assert np.abs(record.image.astype(int) - image).mean() < 25  # JPEG of noise
        np.testing.assert_array_equal(record.mask, mask)
        assert record.fov is None
        assert record.observer2 is None


@pytest.mark.parametrize("gone", ["ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part1_GroundTruth"])
def test_an_absent_part_is_left_out_and_told(tmp_path, gone):
    folder = samples.isic(tmp_path / "isic")
    (folder / gone).rename(tmp_path / gone)
    listing = Isic2017.listing(folder, NATIVE)
    assert list(listing.splits) == ["train", "test"]
    assert any("val split is left out" in note and gone in note for note in listing.notes)


def test_without_training_images_the_error_says_where_to_get_them(tmp_path):
    folder = samples.isic(tmp_path / "isic", parts=(("Validation", 1),))
    with pytest.raises(
        FileNotFoundError, match=r"ISIC-2017_Training_Data.*https://challenge\.isic.*--config\.data\.dir"
    ):
        Isic2017.listing(folder, NATIVE)


def test_an_image_without_its_mask_is_named(tmp_path):
    folder = samples.isic(tmp_path / "isic")
    (folder / "ISIC-2017_Training_Part1_GroundTruth" / "ISIC_0000001_segmentation.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"ISIC_0000001\.jpg: has no lesion mask"):
        Isic2017.listing(folder, NATIVE)


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
