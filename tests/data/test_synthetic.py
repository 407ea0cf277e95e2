import numpy as np
import pytest
import samples

from jaxseg.data import generate, load, load_split
from jaxseg.data import synthetic as module

# Mean red, green and blue, and the mean of the mask, of one picture of each kind.
PICTURES = {
    "fundus": (107.7432, 48.7871, 17.9138, 0.125),
    "vessels_disc": (107.7432, 48.7871, 17.9138, 0.1567),
    "lesion": (198.7317, 161.2659, 147.8838, 0.0359),
}
SMALL = {"size": 32, "train": 3, "val": 1, "test": 2}


def test_generated_images_need_no_folder(tmp_path):
    data = samples.settings(tmp_path, synthetic=SMALL, split_seed=5)
    splits = load(data)
    assert [len(records) for records in (splits.train, splits.val, splits.test)] == [3, 1, 2]
    image, mask, fov = generate.fundus(5, 1, 32)
    for ours, theirs in zip(splits.train[1][1:4], (image, mask, fov), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    native = load_split(data, "test")
    np.testing.assert_array_equal(native[1].image, splits.test[1].image)


def test_splits_share_no_image_and_a_longer_one_begins_the_same(tmp_path):
    data = samples.settings(tmp_path, synthetic=SMALL)
    longer = data | {"synthetic": data["synthetic"] | {"train": 5}}
    ids = [load_split(data, split).ids for split in ("train", "val", "test")]
    assert len(set(sum(ids, ()))) == 6
    assert load_split(longer, "train").ids[:3] == ids[0]
    assert load_split(longer, "test").ids == ids[2]


def test_lesions_have_no_field_of_view(tmp_path):
    data = samples.settings(tmp_path, synthetic=SMALL | {"kind": "lesion", "val": 0})
    splits = load(data)
    assert splits.val is None
    assert splits.train[0].fov is None
    np.testing.assert_array_equal(splits.test[0].mask, generate.lesion(0, 2_000_000, 32)[1])


@pytest.mark.parametrize("wrong", [{"kind": "moon"}, {"train": 0}, {"test": -1}, {"size": 3}])
def test_wrong_settings_are_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"^data\.synthetic\."):
        load(samples.settings(tmp_path, synthetic=SMALL | wrong))


def test_the_smallest_size_is_that_of_the_generator():
    assert module.SMALLEST == generate.SMALLEST


def test_another_picture_has_another_version():
    """Whoever changes what is drawn gives ``GENERATOR`` another value: old pictures must not pass for new ones."""
    assert module.GENERATOR == "d136b7455730b1a567fb86bc83648821"
    for kind, drawn in PICTURES.items():
        image, mask, *_ = getattr(generate, kind)(3, 7, 64)
        found = [*image.mean((0, 1)), mask.mean()]
        np.testing.assert_allclose(found, drawn, rtol=1e-3, err_msg=f"{kind}: another GENERATOR, please")


def test_vessels_and_disc_are_two_classes_of_one_eye(tmp_path):
    settings = samples.settings(
        tmp_path, synthetic=SMALL | {"kind": "vessels_disc", "size": 64}, classes={"disc": 2, "vessel": 1}
    )
    record = load(settings).train[0]
    image, mask, fov = generate.vessels_disc(0, 0, 64)
    np.testing.assert_array_equal(record.image, image)
    np.testing.assert_array_equal(record.mask, np.array([0, 2, 1], np.uint8)[mask])
    binary = generate.fundus(0, 0, 64)
    np.testing.assert_array_equal(image, binary[0])
    np.testing.assert_array_equal(fov, binary[2])
    np.testing.assert_array_equal((mask == 1) | ((mask == 2) & (binary[1] == 1)), binary[1] == 1)
    inside, around = image[mask == 2].mean(), image[(mask == 0) & (fov == 1)].mean()
    assert inside > 1.15 * around  # the disc is bright
