"""Small data sets in their owners' exact layouts and file formats."""

import gzip

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 40, 44
CHASE = 96, 100  # large enough for its field of view to be a disc


def eye(seed=0, height=HEIGHT, width=WIDTH):
    """Return a photograph on black, its vessels {0, 1} and its round field of view {0, 1}."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:height, :width]
    fov = ((y - height / 2 + 0.5) ** 2 + (x - width / 2 + 0.5) ** 2 <= (0.47 * height) ** 2).astype(np.uint8)
    image = rng.integers(60, 220, (height, width, 3), dtype=np.uint8) * fov[..., None]
    mask = (rng.random((height, width)) < 0.2).astype(np.uint8) * fov
    return image, mask, fov


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def drive(folder, *, train=(21, 22, 23), test=(1, 2), withheld=False):
    """LZW TIFF images, GIF masks of {0, 255}, 2nd_manual of {3, 253}."""
    for half, numbers in (("training", train), ("test", test)):
        for number in numbers:
            image, mask, fov = eye(number)
            save(folder / half / "images" / f"{number:02d}_{half}.tif", image, compression="tiff_lzw")
            save(folder / half / "mask" / f"{number:02d}_{half}_mask.gif", fov * 255)
            if half == "training" or not withheld:
                save(folder / half / "1st_manual" / f"{number:02d}_manual1.gif", mask * 255)
            if half == "test" and not withheld:
                second = np.where(observer2(mask) == 1, 253, 3).astype(np.uint8)
                save(folder / half / "2nd_manual" / f"{number:02d}_manual2.gif", second)
    return folder


def observer2(mask):
    """Return another opinion: the mask shifted by a pixel."""
    return np.roll(mask, 1, axis=1)


ISIC = {
    2016: ("ISBI2016_ISIC_Part1_{}_Data", "ISBI2016_ISIC_Part1_{}_GroundTruth", "_Segmentation.png"),
    2017: ("ISIC-2017_{}_Data", "ISIC-2017_{}_Part1_GroundTruth", "_segmentation.png"),
    2018: ("ISIC2018_Task1-2_{}_Input", "ISIC2018_Task1_{}_GroundTruth", "_segmentation.png"),
}


def isic(folder, *, year=2017, parts=(("Training", 3), ("Validation", 1), ("Test_v2", 2))):
    """JPEG images beside superpixel maps and a table; PNG masks of {0, 255}."""
    number = 0
    for part, count in parts:
        data, truth, suffix = (name.format(part) for name in ISIC[year])
        for _ in range(count):
            image, mask, _ = eye(number)
            save(folder / data / f"ISIC_{number:07d}.jpg", image, quality=95)
            save(folder / data / f"ISIC_{number:07d}_superpixels.png", image)
            save(folder / truth / f"ISIC_{number:07d}{suffix}", mask * 255)
            number += 1
        (folder / data / f"{data}_metadata.csv").write_text("image_id,age_approximate,sex\n")
    return folder


def stare(folder, *, numbers=(1, 2, 44), rooms=("stare-images", "labels-ah", "labels-vk"), packed=True):
    """PPM images and masks of {0, 255} by two observers, gzipped as published or unpacked."""
    for number in numbers:
        image, mask, _ = slide(number)
        files = {".ppm": image, ".ah.ppm": mask * 255, ".vk.ppm": np.repeat(observer2(mask)[..., None] * 255, 3, -1)}
        for room, (suffix, pixels) in zip(rooms, files.items(), strict=True):
            path = folder / room / f"im{number:04d}{suffix}"
            save(path, pixels)
            if packed:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
                path.unlink()
    return folder


def slide(seed=0, height=121, width=140):
    """Return a scanned slide: a disc on a noisy ground, cut at its top and bottom; its vessels, and the disc."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:height, :width]
    fov = (y - height / 2 + 0.5) ** 2 + (x - width / 2 + 0.5) ** 2 <= (0.46 * width) ** 2
    fov = (fov & (abs(y - height / 2 + 0.5) < 0.46 * height)).astype(np.uint8)
    ground = rng.integers(0, 45, (height, width, 3), dtype=np.uint8)
    lit = rng.integers(90, 220, (height, width, 3), dtype=np.uint8)
    mask = (rng.random((height, width)) < 0.2).astype(np.uint8) * fov
    return np.where(fov[..., None] == 1, lit, ground), mask, fov


def hrf(folder, *, names=("01_dr", "01_g", "01_h", "02_h"), channels=1):
    """JPEG images with suffixes of both cases; TIFF masks of {0, 255}, fields of view of one or three channels."""
    for seed, name in enumerate(names):
        image, mask, fov = eye(seed)
        save(folder / "images" / f"{name}.{'JPG' if name.endswith('dr') else 'jpg'}", image, quality=95)
        save(folder / "manual1" / f"{name}.tif", mask * 255)
        field = fov * 255
        save(folder / "mask" / f"{name}_mask.tif", field if channels == 1 else np.repeat(field[..., None], 3, axis=-1))
    return folder


def chase(folder, *, children=(1, 2, 11)):
    """JPEG images and one-bit PNG masks of two observers, both eyes of every child."""
    for child in children:
        for side in "LR":
            image, mask, _ = eye(2 * child + (side == "R"), *CHASE)
            save(folder / f"Image_{child:02d}{side}.jpg", image, quality=95)
            for observer, plane in (("1st", mask), ("2nd", observer2(mask))):
                save(folder / f"Image_{child:02d}{side}_{observer}HO.png", plane == 1)
    return folder


def plain(folder, *, count=6, fov=False):
    """A user's folder: PNG images a, b, c ... of growing size, PNG masks of {0, 1}."""
    for i in range(count):
        image, mask, field = eye(i, HEIGHT + i, WIDTH)
        name = f"{chr(ord('a') + i)}.png"
        save(folder / "images" / name, image)
        save(folder / "masks" / name, mask)
        if fov:
            save(folder / "fov" / name, field * 255)
    return folder


def settings(tmp_path, **changes):
    """Return ``config.data`` as the library gets it, with a cache of its own."""
    from jaxseg.config import defaults

    data = defaults().data.to_dict()
    data["cache_dir"] = str(tmp_path / "cache")
    data["clahe"]["mode"] = "none"
    for name, value in changes.items():
        if name not in data:
            raise KeyError(name)
        data[name] = data[name] | value if isinstance(value, dict) else value
    return data
