"""A folder of images and masks without a fault, and one fault of each kind to plant in it."""

import cv2
import numpy as np
from PIL import Image

SIDE = 64


def picture(seed):
    """Return an image of smooth colours, no two alike, with a dark lesion, and its mask {0, 1}."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(90, 200, (7, 7, 3), dtype=np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    centre, axes = rng.integers(24, 40, 2), rng.integers(8, 16, 2)
    cv2.ellipse(mask, (centre.tolist(), (2 * axes).tolist(), float(rng.integers(180))), 1, -1)
    image[mask == 1] //= 2
    return image, mask


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), array[..., ::-1] if array.ndim == 3 else array)


def clean(folder, count, first=0):
    """Write ``count`` images with masks; ids are letters and digits that no rule takes for numbers of one person."""
    for number in range(first, first + count):
        image, mask = picture(number)
        write(folder / "images" / f"{name(number)}.png", image)
        write(folder / "masks" / f"{name(number)}.png", mask * 255)
    return folder


def name(number):
    return f"{number:04d}x"


def mask_of(folder, number):
    return folder / "masks" / f"{name(number)}.png"


def image_of(folder, number):
    return folder / "images" / f"{name(number)}.png"


# Each plants a fault at image ``n`` and returns the rule that finds it and a file that is named.
def missing_mask(folder, n):
    mask_of(folder, n).unlink()
    return "missing mask", image_of(folder, n)


def missing_image(folder, n):
    image_of(folder, n).unlink()
    return "mask without image", mask_of(folder, n)


def other_size(folder, n):
    write(mask_of(folder, n), np.zeros((SIDE, SIDE + 1), np.uint8))
    return "not read", mask_of(folder, n)


def jpeg_mask(folder, n):
    Image.fromarray(picture(n)[1] * 255).save(mask_of(folder, n), format="JPEG")
    return "not read", mask_of(folder, n)


def palette_mask(folder, n):
    coloured = Image.fromarray(picture(n)[1], mode="P")
    coloured.putpalette([0, 0, 0, 255, 0, 0])
    coloured.save(mask_of(folder, n))
    return "not read", mask_of(folder, n)


def superpixels(folder, n):
    write(mask_of(folder, n), np.random.default_rng(n).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8))
    return "not read", mask_of(folder, n)


def soft_mask(folder, n):
    write(mask_of(folder, n), cv2.GaussianBlur(picture(n)[1] * 255, (5, 5), 2))
    return "not read", mask_of(folder, n)


def sixteen_bits(folder, n):
    write(image_of(folder, n), picture(n)[0][..., 0].astype(np.uint16) * 200)
    return "not read", image_of(folder, n)


def truncated(folder, n):
    image_of(folder, n).write_bytes(image_of(folder, n).read_bytes()[:-40])
    return "not read", image_of(folder, n)


def alpha_mask(folder, n):
    white = np.full((SIDE, SIDE, 3), 255, np.uint8)
    Image.fromarray(np.dstack([white, picture(n)[1] * 255])).save(mask_of(folder, n))
    return "not read", mask_of(folder, n)


def turned(folder, n):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(n)[0]).save(image_of(folder, n), exif=exif)
    return "not read", image_of(folder, n)


def two_frames(folder, n):
    first = Image.fromarray(picture(n)[0])
    first.save(image_of(folder, n), save_all=True, append_images=[first.rotate(90)])
    return "not read", image_of(folder, n)


def inverted(folder, n):
    write(mask_of(folder, n), 255 - picture(n)[1] * 255)
    return "inverted mask", mask_of(folder, n)


def empty(folder, n):
    write(mask_of(folder, n), 0 * picture(n)[1])
    return "empty mask", mask_of(folder, n)


def full(folder, n):
    write(mask_of(folder, n), np.full((SIDE, SIDE), 255, np.uint8))
    return "full mask", mask_of(folder, n)


def dark(folder, n):
    write(image_of(folder, n), picture(n)[0] // 20)
    return "unlike in brightness", image_of(folder, n)


def blurred(folder, n):
    write(image_of(folder, n), cv2.GaussianBlur(picture(n)[0], (0, 0), 12))
    return "unlike in sharpness", image_of(folder, n)


def large(folder, n):
    image, mask = picture(n)
    write(image_of(folder, n), cv2.resize(image, None, fx=4, fy=4))
    write(mask_of(folder, n), cv2.resize(mask * 255, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST))
    return "unlike in size", image_of(folder, n)


def speck(folder, n):
    mask = 0 * picture(n)[1]
    mask[30, 30] = 255
    write(mask_of(folder, n), mask)
    return "unlike in foreground", image_of(folder, n)


def grey(folder, n):
    write(image_of(folder, n), np.full((SIDE, SIDE, 3), 130, np.uint8))
    return "picture of one grey", image_of(folder, n)


def lookalike(folder, n):
    """The image before, brightened and compressed."""
    image = np.clip(picture(n - 1)[0] * 1.05 + 3, 0, 255).astype(np.uint8)
    write(image_of(folder, n), cv2.imdecode(cv2.imencode(".jpg", image[..., ::-1])[1], 1)[..., ::-1])
    return "nearly the same image", image_of(folder, n)


PLANTS = (
    missing_mask, missing_image, other_size, jpeg_mask, palette_mask, superpixels, soft_mask, sixteen_bits, truncated,
    alpha_mask, turned, two_frames, inverted, empty, full, dark, blurred, large, speck, grey, lookalike,
)  # fmt: skip
