import importlib
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from fakes import green_probability
from PIL import Image

from jaxseg import counting
from jaxseg.data import decode
from jaxseg.data.images import read_image, write_png
from jaxseg.inference import predict_folder
from jaxseg.inference.compiled import CompiledNetwork
from jaxseg.inference.predict_folder import PROBABILITY_SCALE, overlay


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
    with pytest.raises(ValueError, match=r"b.png: too large for the memory, in tiles too; predict smaller ones"):
        predict_folder(green, folder / "b.png", tmp_path / "out")


class Counted:
    """A program that says what it takes: 100 bytes a pixel."""

    def __init__(self, program, pixels):
        self._program, self._pixels = program, pixels

    def __call__(self, *arguments):
        return self._program(*arguments)

    def memory_analysis(self):
        return SimpleNamespace(temp_size_in_bytes=100 * self._pixels, output_size_in_bytes=0)


@pytest.fixture
def small_memory(monkeypatch):
    """Room for two images of 260 x 260 pixels."""
    program = CompiledNetwork._program

    def counted(self, canvas, *arguments):
        return Counted(program(self, canvas, *arguments), canvas[0] * canvas[1])

    monkeypatch.setattr(CompiledNetwork, "_program", counted)
    monkeypatch.setattr(counting, "room", lambda device: 2 * 100 * 260**2)


def test_what_the_memory_does_not_hold_is_predicted_in_tiles_and_told(
    green, tmp_path, make_image, capsys, small_memory
):
    (tmp_path / "images").mkdir()
    for name, size in {"large": (700, 300), "small": (90, 30)}.items():
        write_png(tmp_path / "images" / f"{name}.png", make_image(*size, seed=3))
    predict_folder(green, tmp_path / "images", tmp_path / "out", progress=False)
    told = capsys.readouterr().out
    assert told == "note: predicted in tiles, since the memory is too small for the whole: large.png (256 x 256)\n"
    for name in ("large", "small"):
        expected = green_probability(read_image(tmp_path / "images" / f"{name}.png"))
        found = _grey(tmp_path / "out" / "probabilities" / f"{name}.png")
        np.testing.assert_allclose(found / PROBABILITY_SCALE, expected, atol=2e-5)


def test_what_is_passed_over_is_told(green, folder, tmp_path, capsys):
    (folder / "more").mkdir()
    predict_folder(green, folder, tmp_path / "out", progress=False)
    assert f"note: {folder}: 2 other files passed over (more/, notes.txt)\n" in capsys.readouterr().out


def test_pictures_of_superpixels_beside_their_photographs_are_passed_over(green, folder, tmp_path, capsys):
    (folder / "b_superpixels.png").write_bytes((folder / "b.png").read_bytes())
    (folder / "c_superpixels.png").write_bytes((folder / "b.png").read_bytes())  # no photograph has this name
    written = predict_folder(green, folder, tmp_path / "out", progress=False)
    assert [path.stem for path in written] == ["a", "b", "c_superpixels"]
    assert "superpixels of 1 photographs passed over (b_superpixels ...)" in capsys.readouterr().out


def test_an_image_that_fits_the_memory_alone_waits_until_it_has_it(green, make_image, monkeypatch, small_memory):
    """Two images in work at once would not fit; neither is tiled, and the one waits for the other."""
    monkeypatch.setattr(counting, "room", lambda device: int(1.5 * 100 * 288 * 320))
    at_work, most = [], []
    program = CompiledNetwork._program

    def noted(self, canvas, *arguments):
        counted = program(self, canvas, *arguments)

        def run(*given):
            at_work.append(1)
            time.sleep(0.2)
            most.append(len(at_work))
            at_work.pop()
            return counted(*given)

        run.memory_analysis = counted.memory_analysis
        return run

    monkeypatch.setattr(CompiledNetwork, "_program", noted)
    images = [make_image(288, 320, seed=seed) for seed in range(4)]
    predictor = green.expecting([(288, 320)])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(predictor.prepared, images))
    assert most == [1, 1, 1, 1]
    for image, probability in zip(images, found, strict=True):
        np.testing.assert_allclose(probability, green_probability(image), atol=2e-5)


def test_a_picture_without_memory_of_its_own_is_told(green, folder, tmp_path, monkeypatch):
    module = importlib.import_module("jaxseg.inference.predict_folder")  # the package has the function by this name
    monkeypatch.setattr(module, "_ALONE", 1)
    monkeypatch.setattr(counting, "room", lambda device: 1000)
    with pytest.raises(ValueError, match=r"b.png: such a picture takes .* beside the network, and .* are free; cut it"):
        predict_folder(green, folder / "b.png", tmp_path / "out")


def test_scores_are_never_those_of_tiles_that_nobody_asked_for(green, make_image, small_memory):
    with pytest.raises(ValueError, match=r"^704 x 320 pixels at once take 21.5 MiB, and 12.9 MiB are free; predict in"):
        green.prepared(make_image(700, 300, seed=3))


def test_a_picture_of_too_many_pixels_does_not_end_the_others(green, folder, make_image, tmp_path, monkeypatch):
    """It is told by its head, before its pixels take all memory; Pillow has a limit of its own, above ours."""
    Image.new("1", (30000, 30000)).save(folder / "huge.png")
    monkeypatch.setattr(decode, "MOST_PIXELS", 800)
    write_png(folder / "large.png", make_image(40, 21, seed=3))
    with pytest.raises(ValueError, match="failed, the others are done") as told:
        predict_folder(green, folder, tmp_path / "out", progress=False)
    assert "huge.png: more pixels, and 800 at most are read" in str(told.value)
    assert "large.png: 21 x 40 pixels, and 800 at most are read" in str(told.value)
    assert [path.name for path in (tmp_path / "out" / "masks").iterdir()] == ["a.png", "b.png"]


def test_a_link_to_nothing_is_not_replaced(green, folder, tmp_path):
    (tmp_path / "out" / "masks").mkdir(parents=True)
    (tmp_path / "out" / "masks" / "b.png").symlink_to(tmp_path / "unplugged" / "b.png")
    with pytest.raises(FileExistsError, match="b.png is there already"):
        predict_folder(green, folder / "b.png", tmp_path / "out")
