import gzip
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from samples import eye, save

from jaxseg.data import images

IMAGE, MASK, _ = eye(0)


@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("tif", {"compression": "tiff_lzw"}), ("BMP", {})])
def test_an_image_comes_back_as_rgb(tmp_path, suffix, options):
    save(tmp_path / f"a.{suffix}", IMAGE, **options)
    np.testing.assert_array_equal(images.read_image(tmp_path / f"a.{suffix}"), IMAGE)


def test_a_jpeg_comes_back_as_rgb_nearly(tmp_path):
    smooth = np.stack(np.broadcast_arrays(*np.ogrid[:40, :44], 7), axis=-1).astype(np.uint8) * 4
    save(tmp_path / "a.jpg", smooth, quality=95)
    difference = images.read_image(tmp_path / "a.jpg").astype(int) - smooth
    assert np.abs(difference).max() < 12


def test_a_grey_image_gets_three_channels(tmp_path):
    save(tmp_path / "a.png", IMAGE[..., 0])
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), np.repeat(IMAGE[..., :1], 3, axis=-1))


@pytest.mark.parametrize("suffix", ["png", "tif", "gif", "bmp"])
@pytest.mark.parametrize("high", [1, 255])
def test_a_mask_of_either_kind_becomes_0_and_1(tmp_path, suffix, high):
    save(tmp_path / f"m.{suffix}", MASK * high)
    np.testing.assert_array_equal(images.read_mask(tmp_path / f"m.{suffix}"), MASK * high)
    np.testing.assert_array_equal(images.read_binary(tmp_path / f"m.{suffix}"), MASK)


def test_a_one_bit_mask_and_a_16_bit_mask_are_read(tmp_path):
    save(tmp_path / "one.png", MASK == 1)
    save(tmp_path / "wide.png", MASK.astype(np.uint16))
    for name in ("one.png", "wide.png"):
        np.testing.assert_array_equal(images.read_binary(tmp_path / name), MASK)


def test_an_empty_mask_and_a_full_one_are_masks(tmp_path):
    for value in (0, 1, 255):
        save(tmp_path / "m.png", np.full((4, 5), value, np.uint8))
        assert (images.read_binary(tmp_path / "m.png") == (value > 0)).all()


@pytest.mark.parametrize("values", [(0, 128), (1, 255), (0, 1, 255), (0, 1, 2), (254, 255)])
def test_grey_masks_are_refused_with_the_values_found(tmp_path, values):
    save(tmp_path / "m.png", np.resize(np.array(values, np.uint8), (6, 6)))
    with pytest.raises(ValueError, match=rf"m\.png.*holds {', '.join(map(str, values))}\..*data\.labels"):
        images.read_binary(tmp_path / "m.png")


def test_a_mask_with_many_values_lists_a_few(tmp_path):
    save(tmp_path / "m.png", np.arange(200, dtype=np.uint8).reshape(10, 20))
    with pytest.raises(ValueError, match=r"\(200 values\)"):
        images.read_binary(tmp_path / "m.png")


def test_labels_name_the_foreground_by_value(tmp_path):
    values = np.resize(np.array([0, 1, 2, 7], np.uint8), (8, 9))
    save(tmp_path / "m.png", values)
    np.testing.assert_array_equal(images.read_binary(tmp_path / "m.png", (2, 7)), np.isin(values, (2, 7)))


def test_labels_name_the_foreground_by_colour(tmp_path):
    colours = np.array([(0, 0, 0), (255, 0, 16), (16, 0, 255)], np.uint8)[np.resize([0, 1, 2, 1], (8, 9))]
    save(tmp_path / "m.png", colours)
    with pytest.raises(ValueError, match=r"m\.png: a coloured mask.*data\.labels"):
        images.read_binary(tmp_path / "m.png")
    found = images.read_binary(tmp_path / "m.png", ("#ff0010",))
    np.testing.assert_array_equal(found, (colours == (255, 0, 16)).all(axis=-1))


@pytest.mark.parametrize("label", [-1, 256, "red", "#12", "#gggggg", True, 1.0])
def test_bad_labels_are_refused(label):
    with pytest.raises(ValueError, match=r"data\.labels"):
        images.check_labels("data.labels", (label,))
    images.check_labels("data.labels", (0, 255, "#00ff7F"))


@pytest.mark.parametrize("name", ["m.jpg", "m.png"])
def test_a_jpeg_mask_is_refused_whatever_its_name(tmp_path, name):
    save(tmp_path / name, MASK * 255, format="JPEG")
    with pytest.raises(ValueError, match=rf"{name}: a JPEG.*PNG"):
        images.read_binary(tmp_path / name)


@pytest.mark.parametrize("part", [0.02, 0.4, 0.9, 0.995])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [("png", {}), ("jpg", {}), ("jpg", {"progressive": True}), ("tif", {"compression": "tiff_lzw"}), ("gif", {}),
     ("bmp", {})],
)  # fmt: skip
def test_a_truncated_file_is_refused_in_one_line(tmp_path, suffix, options, part, capfd):
    path = tmp_path / f"a.{suffix}"
    save(path, np.random.default_rng(0).integers(0, 255, (200, 210, 3), dtype=np.uint8), **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(ValueError, match=rf"^\S*a\.{suffix}: (truncated|an empty file)") as caught:
        images.read_image(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")  # and no chatter from the decoder


def test_a_truncated_mask_is_refused(tmp_path):
    save(tmp_path / "m.png", MASK * 255)
    data = (tmp_path / "m.png").read_bytes()
    (tmp_path / "m.png").write_bytes(data[:-20])
    with pytest.raises(ValueError, match=r"m\.png: truncated"):
        images.read_mask(tmp_path / "m.png")


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    (tmp_path / "b.png").touch()
    with pytest.raises(ValueError, match=r"a\.png: truncated, damaged, or no picture"):
        images.read_image(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"b\.png: an empty file"):
        images.read_image(tmp_path / "b.png")
    with pytest.raises(FileNotFoundError, match=r"c\.png: no such file"):
        images.read_image(tmp_path / "c.png")


def test_deep_images_and_masks_are_refused(tmp_path):
    save(tmp_path / "a.png", IMAGE[..., 0].astype(np.uint16) * 200)
    with pytest.raises(ValueError, match=r"a\.png: holds uint16 pixels"):
        images.read_image(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: holds uint16 values from 0 to"):
        images.read_mask(tmp_path / "a.png")


@pytest.mark.parametrize(
    "array", [IMAGE, MASK, np.arange(60, dtype=np.uint16).reshape(6, 10) * 1000], ids=["rgb", "grey", "deep"]
)
def test_png_round_trip(tmp_path, array):
    images.write_png(tmp_path / "a.png", array)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), array)


def test_a_row_of_a_png_is_its_difference_from_the_one_above(tmp_path):
    """Filter 2, "up", of the PNG specification: what makes the search for runs fast and its files small."""
    images.write_png(tmp_path / "a.png", IMAGE)
    data, at, packed = (tmp_path / "a.png").read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        packed += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(IMAGE.shape[0], -1)
    assert set(rows[1:, 0]) == {2}


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    def cut(self, data):
        with self.open("wb") as file:
            file.write(data[:3])
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.write_bytes", cut)
    with pytest.raises(KeyboardInterrupt):
        images.write_png(tmp_path / "a.png", MASK)
    assert list(tmp_path.iterdir()) == []


def test_the_head_of_a_file_tells_the_size_that_reading_gives(tmp_path):
    for suffix in ("png", "jpg", "tif", "bmp", "gif"):
        for tag in (1, 3, 6, 8):
            path, exif = tmp_path / f"{tag}.{suffix}", Image.Exif()
            exif[0x0112] = tag
            save(path, IMAGE, **({"exif": exif} if suffix in ("png", "jpg", "tif") else {}))
            assert images.read_size(path) == images.read_image(path).shape[:2]
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert images.read_size(tmp_path / "a.png") is None
    assert images.read_size(tmp_path / "absent.png") is None


def test_a_gzipped_picture_is_read_and_a_damaged_one_refused(tmp_path):
    save(tmp_path / "a.ppm", IMAGE)
    packed = gzip.compress((tmp_path / "a.ppm").read_bytes())
    (tmp_path / "a.ppm.gz").write_bytes(packed)
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.ppm.gz"), IMAGE)
    assert images.read_size(tmp_path / "a.ppm.gz") == IMAGE.shape[:2]
    exif = Image.Exif()
    exif[0x0112] = 3
    save(tmp_path / "t.png", IMAGE, exif=exif)
    (tmp_path / "t.png.gz").write_bytes(gzip.compress((tmp_path / "t.png").read_bytes()))
    assert images.orientation(tmp_path / "t.png.gz") == 3
    for damaged, words in (
        (packed[:-20], "truncated"), (packed[:40] + b"x" + packed[41:], "a damaged gzip file"),
    ):  # fmt: skip
        (tmp_path / "b.ppm.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"b\.ppm\.gz: {words}"):
            images.read_image(tmp_path / "b.ppm.gz")


def test_writing_into_no_folder_says_so(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        images.write_png(tmp_path / "nowhere" / "a.png", MASK)
