"""Masks packed for an evaluation server: names, values, and what is refused."""

import zipfile

import cv2
import numpy as np
import pytest

from jaxseg.data.images import write_png
from jaxseg.jobs.submission import submission


@pytest.fixture
def masks(tmp_path):
    """Return a folder of masks, two of 0 and 255 and one of 0 and 1, and what they hold."""
    (tmp_path / "masks").mkdir()
    held = {f"{k:02}_test": np.random.default_rng(k).integers(0, 2, (7, 5), np.uint8) for k in (1, 2, 10)}
    for name, mask in held.items():
        write_png(tmp_path / "masks" / f"{name}.png", mask if name == "02_test" else 255 * mask)
    return tmp_path / "masks", held


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("{id}", ["01_test.png", "02_test.png", "10_test.png"]),
        ("{id}_segmentation", ["01_test_segmentation.png", "02_test_segmentation.png", "10_test_segmentation.png"]),
        ("{number}", ["1.png", "2.png", "10.png"]),
    ],
)
def test_the_file_holds_every_mask_of_0_and_255(masks, tmp_path, names, wanted):
    folder, held = masks
    assert submission(folder, tmp_path / "a.zip", names) == wanted
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.namelist() == wanted
        for name, mask in zip(wanted, held.values(), strict=True):
            stored = cv2.imdecode(np.frombuffer(packed.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(stored, 255 * mask)
    submission(folder, tmp_path / "b.zip", names)
    assert (tmp_path / "b.zip").read_bytes() == (tmp_path / "a.zip").read_bytes()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("mask", "01_test.png and 02_test.png would both become mask.png; choose other --names"),
        ("{number}{name}", "names is '{number}{name}'; want a file's name with {id} or {number} in it"),
        ("masks/{id}", "names is 'masks/{id}'; want a file's name"),
    ],
)
def test_names_that_do_not_fit_are_refused(masks, tmp_path, names, words):
    with pytest.raises(ValueError, match=words):
        submission(masks[0], tmp_path / "a.zip", names)
    assert not (tmp_path / "a.zip").exists()


def test_what_is_no_mask_is_refused(masks, tmp_path):
    folder, _ = masks
    with pytest.raises(ValueError, match="holds no masks; give the masks/ of .* 1 other files passed over .masks/."):
        submission(tmp_path, tmp_path / "a.zip")
    with pytest.raises(FileNotFoundError, match="no such folder; give the masks/"):
        submission(tmp_path / "none", tmp_path / "a.zip")
    write_png(folder / "disc.png", np.zeros((7, 5), np.uint8))
    with pytest.raises(ValueError, match="disc.png has no number"):
        submission(folder, tmp_path / "a.zip", "{number}")
    write_png(folder / "disc.png", np.full((7, 5), 128, np.uint8))
    with pytest.raises(ValueError, match="disc.png: holds other values than 0 and 255; only masks of one class"):
        submission(folder, tmp_path / "a.zip")
    write_png(folder / "disc.png", np.full((7, 5, 3), (0, 229, 255), np.uint8))
    with pytest.raises(ValueError, match="disc.png: holds other values than 0 and 255"):
        submission(folder, tmp_path / "a.zip")
    (tmp_path / "a.zip").touch()
    with pytest.raises(FileExistsError, match="is there already; choose another --output"):
        submission(folder, tmp_path / "a.zip")
