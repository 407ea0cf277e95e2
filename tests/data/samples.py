"""Small data sets in their owners' exact layouts and file formats."""

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


def isic(folder, *, parts=(("Training", 3), ("Validation", 1), ("Test_v2", 2))):
    """JPEG images beside superpixel maps and a table; PNG masks of {0, 255}."""
    number = 0
    for part, count in parts:
        data, truth = folder / f"ISIC-2017_{part}_Data", folder / f"ISIC-2017_{part}_Part1_GroundTruth"
        for _ in range(count):
            image, mask, _ = eye(number)
            save(data / f"ISIC_{number:07d}.jpg", image, quality=95)
            save(data / f"ISIC_{number:07d}_superpixels.png", image)
            save(truth / f"ISIC_{number:07d}_segmentation.png", mask * 255)
            number += 1
        (data / f"ISIC-2017_{part}_Data_metadata.csv").write_text("image_id,age_approximate,sex\n")
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
