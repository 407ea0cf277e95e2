import jax
import numpy as np
import pytest
from fakes import green_probability

from jaxseg.data.images import read_image, write_png
from jaxseg.inference import predict_folder
from jaxseg.inference.predict_folder import overlay


@pytest.fixture
def folder(tmp_path, make_image):
    images = tmp_path / "images"
    images.mkdir()
    write_png(images / "b.png", make_image(20, 27, seed=1))
    write_png(images / "a.PNG", make_image(33, 12, seed=2))
    (images / "notes.txt").write_text("not an image")
    (images / "._a.png").write_bytes(b"a Mac's shadow file")
    return images


def _grey(path):
    import cv2

    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_three_pictures_of_the_images_own_size(green, folder, tmp_path):
    output = tmp_path / "new" / "output"
    written = predict_folder(green, folder, output)
    assert written == [output / "masks" / "a.png", output / "masks" / "b.png"]
    assert sorted(p.relative_to(output).as_posix() for p in output.rglob("*.png")) == [
        f"{kind}/{stem}.png" for kind in ("masks", "overlays", "probabilities") for stem in "ab"
    ]
    for stem, file in (("a", "a.PNG"), ("b", "b.png")):
        image = read_image(folder / file)
        probability = green_probability(image)
        mask = _grey(output / "masks" / f"{stem}.png")
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, np.where(probability > 0.5, 255, 0))
        stored = _grey(output / "probabilities" / f"{stem}.png")
        assert stored.dtype == np.uint16
        np.testing.assert_allclose(stored / 65535, probability, atol=1e-5)
        np.testing.assert_array_equal(read_image(output / "overlays" / f"{stem}.png"), overlay(image, mask > 0))


def test_one_image_and_a_threshold(green, folder, tmp_path):
    green.threshold = 0.9
    predict_folder(green, folder / "b.png", tmp_path / "out")
    mask = _grey(tmp_path / "out" / "masks" / "b.png")
    np.testing.assert_array_equal(mask > 0, green_probability(read_image(folder / "b.png")) > 0.9)
    assert not (tmp_path / "out" / "masks" / "a.png").exists()


def test_nothing_is_overwritten(green, folder, tmp_path):
    kept = tmp_path / "out" / "overlays" / "b.png"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"overlays/b.png is there already; choose another output folder"):
        predict_folder(green, folder, tmp_path / "out")
    assert kept.read_bytes() == b"mine"
    assert list((tmp_path / "out").rglob("*.png")) == [kept]  # refused before any work


def test_a_broken_image_is_told_and_the_others_are_done(green, folder, tmp_path):
    data = (folder / "b.png").read_bytes()
    (folder / "aa.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(
        ValueError, match=r"^1 of 3 images failed, the others are done: \S*/aa.png: truncated"
    ) as caught:
        predict_folder(green, folder, tmp_path / "out")
    assert str(caught.value).count("aa.png") == 1
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.png")) == ["a.png"] * 3 + ["b.png"] * 3


@pytest.mark.parametrize(
    ("prepare", "error", "told"),
    [
        (lambda folder: folder / "nowhere", FileNotFoundError, "nowhere: no such folder; give a folder of images"),
        (lambda folder: folder.parent / "empty", ValueError, "empty holds no images"),
        (lambda folder: folder, ValueError, r"b.bmp and b.png would both become b.png"),
    ],
)
def test_folders_that_cannot_be_predicted(green, folder, tmp_path, prepare, error, told):
    (tmp_path / "empty").mkdir()
    (folder / "b.bmp").write_bytes(b"")
    with pytest.raises(error, match=told):
        predict_folder(green, prepare(folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_overlay_shows_the_outline_and_leaves_the_background(make_image):
    image = make_image(40, 50)
    mask = np.zeros((40, 50), bool)
    mask[10:20, 5:30] = True
    drawn = overlay(image, mask)
    np.testing.assert_array_equal(drawn[~mask], image[~mask])
    cyan = (drawn == [0, 229, 255]).all(axis=2)
    border = mask.copy()
    border[11:19, 6:29] = False
    np.testing.assert_array_equal(cyan, border)
    inside = mask & ~border
    np.testing.assert_allclose(drawn[inside], 0.85 * image[inside] + 0.15 * np.array([0, 229, 255]), atol=0.51)


def test_an_image_too_large_for_the_memory_is_told_with_the_remedy(green, folder, tmp_path, monkeypatch):
    def exhausted(image):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 99 bytes.")

    monkeypatch.setattr(green, "prepared", exhausted)
    with pytest.raises(ValueError, match=r"b.png: too large for the device's memory; predict it in tiles"):
        predict_folder(green, folder / "b.png", tmp_path / "out")
