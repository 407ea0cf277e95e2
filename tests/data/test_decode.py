"""Formats, orientations, alpha and damage, against the arrays that were written."""

import math
import struct

import cv2
import numpy as np
import pytest
from PIL import Image
from samples import eye, save

from jaxseg.data import heads, images

IMAGE, MASK, _ = eye(0)


def frames(path):
    """Two frames: a TIFF's second page, a BigTIFF's, frames of GIF, APNG and WebP."""
    options = {"big_tiff": True} if path.name == "big.tif" else {}
    first, second = Image.fromarray(IMAGE), Image.fromarray(IMAGE[::-1])
    first.save(path, save_all=True, append_images=[second], **options)
    return path


@pytest.mark.parametrize("name", ["a.tif", "big.tif", "a.gif", "a.png", "a.webp"])
def test_several_frames_are_refused(tmp_path, name):
    path = frames(tmp_path / name)
    if name == "big.tif":
        assert path.read_bytes()[:4] == b"II+\x00"
    with pytest.raises(ValueError, match=rf"{name}: holds 2 frames"):
        images.read_image(path)
    with pytest.raises(ValueError, match=rf"{name}: holds 2 frames"):
        images.read_mask(path)


def late_exif(path):
    """Move the EXIF block of a PNG behind the pixels, where ImageMagick writes it."""
    data = path.read_bytes()
    at = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[at : at + 4], "big")
    block, rest = data[at : at + length], data[:at] + data[at + length :]
    path.write_bytes(rest[:-12] + block + rest[-12:])


def far_exif(path):
    """Put two large blocks of another kind before the EXIF block of a JPEG."""
    data = path.read_bytes()
    other = b"\xff\xe2" + struct.pack(">H", 65000) + bytes(64998)
    path.write_bytes(data[:2] + other + other + data[2:])


# EXIF's eight orientations: how viewers turn what is stored.
TURNS = {
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}  # fmt: skip


FINE = {"quality": 100, "subsampling": 0}


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize(
    ("name", "options", "change"),
    [("a.png", {}, None), ("late.png", {}, late_exif), ("a.tif", {}, None), ("big.tif", {"big_tiff": True}, None),
     ("lzw.tif", {"compression": "tiff_lzw"}, None), ("a.webp", {"lossless": True}, None),
     ("a.jpg", FINE, None), ("far.jpg", FINE, far_exif)],
)  # fmt: skip
def test_a_picture_is_turned_as_viewers_turn_it(tmp_path, name, options, change, tag):
    """Wherever the tag stands in the file, and whichever version of OpenCV decodes it."""
    exif, path = Image.Exif(), tmp_path / name
    exif[0x0112] = tag
    picture = cv2.GaussianBlur(IMAGE, (9, 9), 3)  # for JPEG
    save(path, picture, exif=exif, **options)
    if change:
        change(path)
    assert images.orientation(path) == tag
    found, wanted = images.read_image(path), TURNS[tag](picture)
    assert images.read_size(path) == found.shape[:2] == wanted.shape[:2]
    if name.endswith(".jpg"):
        assert np.abs(found.astype(int) - wanted).mean() < 3
        return
    np.testing.assert_array_equal(found, wanted)
    save(path, MASK * 255, exif=exif, **options)
    np.testing.assert_array_equal(images.read_mask(path), TURNS[tag](MASK * 255))


def test_a_turn_that_only_the_decoder_understands_is_refused(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 3
    save(tmp_path / "a.jpg", IMAGE, exif=exif)
    monkeypatch.setattr(heads, "_turn", lambda tags: 1)
    with pytest.raises(ValueError, match=r"a\.jpg: an orientation tag turns it that is not understood"):
        images.read_image(tmp_path / "a.jpg")


def test_a_broken_exif_block_counts_as_upright(tmp_path):
    save(tmp_path / "a.png", IMAGE, exif=b"II*\x00" + struct.pack("<I", 4000))
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), IMAGE)


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_colours_are_not_multiplied_by_alpha(tmp_path, name):
    """libtiff's own conversion would: a photograph of alpha 0 becomes black, and a mask empty."""
    alpha = np.zeros(MASK.shape, np.uint8)
    alpha[: len(alpha) // 2] = 128
    save(tmp_path / name, np.dstack([IMAGE, alpha]))
    np.testing.assert_array_equal(images.read_image(tmp_path / name), IMAGE)
    for grey in (np.dstack([MASK * 255] * 3), (MASK * 255)[..., None]):
        save(tmp_path / name, np.dstack([grey, 0 * alpha]))
        np.testing.assert_array_equal(images.read_mask(tmp_path / name), MASK * 255)
        save(tmp_path / name, np.dstack([grey, alpha]))
        with pytest.raises(ValueError, match=r"a mask with transparency; save it without"):
            images.read_mask(tmp_path / name)
    save(tmp_path / name, np.dstack([np.full((*MASK.shape, 3), 255, np.uint8), MASK * 255]))
    with pytest.raises(ValueError, match=r"the mask lies in its alpha channel; save that channel"):
        images.read_mask(tmp_path / name)


def test_white_is_zero_as_viewers_show_it(tmp_path):
    """A TIFF may say that 0 is white; fax compression does."""
    save(tmp_path / "a.tif", MASK == 0, compression="group4")
    retagged(tmp_path / "a.tif", {262: 0})
    np.testing.assert_array_equal(images.read_binary(tmp_path / "a.tif"), MASK)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [("ppm", {}), ("webp", {"lossless": True}), ("pgm", {}), ("pbm", {}), ("png", {}), ("tif", {})],
)
def test_other_formats_are_read_array_for_array(tmp_path, suffix, options):
    array = {"pgm": IMAGE[..., 0], "pbm": MASK == 1}.get(suffix, IMAGE)
    save(tmp_path / f"a.{suffix}", array, **options)
    wanted = array if array.ndim == 3 else np.dstack([array.astype(np.uint8) * (255 if suffix == "pbm" else 1)] * 3)
    np.testing.assert_array_equal(images.read_image(tmp_path / f"a.{suffix}"), wanted)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bits_need_a_window_and_are_never_cut(tmp_path, suffix):
    deep = (IMAGE[..., 0].astype(np.uint16) << 4) + 7
    (tmp_path / f"a.{suffix}").write_bytes(cv2.imencode(f".{suffix}", deep)[1].tobytes())
    with pytest.raises(
        ValueError, match=rf"holds uint16 pixels from {deep.min()} to {deep.max()}; train with data.window"
    ):
        images.read_image(tmp_path / f"a.{suffix}")
    found = images.read_image(tmp_path / f"a.{suffix}", (0, 4095))
    wanted = deep.astype(float) * 255 / 4095
    np.testing.assert_allclose(found, np.dstack([wanted] * 3), atol=0.501, rtol=0)
    found = images.read_image(tmp_path / f"a.{suffix}", (7, 7 + 16 * 255))
    np.testing.assert_array_equal(found, np.dstack([IMAGE[..., 0]] * 3))
    found = images.read_image(tmp_path / f"a.{suffix}", (1000, 2000))
    assert (found[deep <= 1000] == 0).all()
    assert (found[deep >= 2000] == 255).all()
    with pytest.raises(ValueError, match=r"holds uint16 values from"):
        images.read_mask(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("window", [(1,), (5, 5), (2, 1), (0, math.nan), (0, 1, 2), (0, "a")])
def test_bad_windows_are_refused(window):
    with pytest.raises(ValueError, match=r"data\.window"):
        images.check_window(window)


def retagged(path, changes):
    """Write other values into tags of a TIFF of one page."""
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], 12):
        (tag,) = struct.unpack_from("<H", data, entry)
        if tag in changes:
            struct.pack_into("<H", data, entry + 8, changes[tag])
    path.write_bytes(data)


def test_a_tiff_that_is_not_read_says_why(tmp_path):
    save(tmp_path / "f.tif", IMAGE[..., 0].astype(np.float32) / 255)
    with pytest.raises(ValueError, match=r"f\.tif: a TIFF with floating-point numbers, which is not read; save it as"):
        images.read_image(tmp_path / "f.tif")
    save(tmp_path / "z.tif", IMAGE, compression="tiff_lzw")
    retagged(tmp_path / "z.tif", {259: 50000})
    with pytest.raises(ValueError, match=r"z\.tif: a TIFF with Zstandard compression, which is not read"):
        images.read_image(tmp_path / "z.tif")


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_whose_coded_data_end_early_is_refused(tmp_path, options, capfd):
    """It has its end marker, and decoders fill the rest with grey; libjpeg only warns."""
    noise = np.random.default_rng(0).integers(0, 255, (200, 210, 3), dtype=np.uint8)
    save(tmp_path / "a.jpg", noise, **options)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    with pytest.raises(ValueError, match=r"a\.jpg: truncated or damaged .Corrupt JPEG data: premature end"):
        images.read_image(tmp_path / "a.jpg")
    assert capfd.readouterr() == ("", "")


def test_coded_data_behind_the_last_pixel_tell_of_damage_and_filling_does_not(tmp_path):
    """A flipped bit leaves the decoder out of step, and with data that nothing needs."""
    smooth = cv2.resize(IMAGE, (93, 71), interpolation=cv2.INTER_CUBIC)
    save(tmp_path / "a.jpg", smooth)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "filled.jpg").write_bytes(data[:-2] + bytes(40) + data[-2:])
    np.testing.assert_array_equal(images.read_image(tmp_path / "filled.jpg"), images.read_image(tmp_path / "a.jpg"))
    (tmp_path / "damaged.jpg").write_bytes(data[:-2] + bytes(range(1, 41)) + data[-2:])
    with pytest.raises(ValueError, match=r"damaged\.jpg: truncated or damaged .*extraneous bytes"):
        images.read_image(tmp_path / "damaged.jpg")


def test_masks_of_lossy_compression_are_refused_whatever_their_labels(tmp_path):
    save(tmp_path / "m.webp", np.dstack([MASK * 255] * 3), quality=60)
    save(tmp_path / "m.tif", np.dstack([MASK * 255] * 3), compression="jpeg")
    for name in ("m.webp", "m.tif"):
        with pytest.raises(ValueError, match=rf"{name}: a \w+ with lossy compression; compression changes a mask's"):
            images.read_binary(tmp_path / name, (255,))
    save(tmp_path / "m.webp", np.dstack([MASK * 255] * 3), lossless=True)
    np.testing.assert_array_equal(images.read_binary(tmp_path / "m.webp"), MASK)


def test_jpegs_come_out_as_opencv_has_them(tmp_path):
    """Of all samplings, grey ones and CMYK too; bytes that belong to nothing between two markers lose no pixel."""
    smooth = cv2.resize(IMAGE, (93, 71), interpolation=cv2.INTER_CUBIC)
    for number, (array, options) in enumerate(
        [(smooth, {"subsampling": k}) for k in range(3)] + [(smooth[..., 0], {}), (smooth, {"progressive": True})]
    ):
        save(tmp_path / f"{number}.jpg", array, **options)
    data = (tmp_path / "0.jpg").read_bytes()
    at = data.index(b"\xff\xdb")
    (tmp_path / "stray.jpg").write_bytes(data[:at] + b"\x00\x00" + data[at:])
    Image.fromarray(smooth).convert("CMYK").save(tmp_path / "cmyk.jpg")
    for path in sorted(tmp_path.glob("*.jpg")):
        wanted = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        np.testing.assert_array_equal(images.read_image(path), wanted, err_msg=path.name)
