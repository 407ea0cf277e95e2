"""See where a network looks from a pixel of an image.

    python launch/inspect_attention.py --workdir=runs/demo --image=test:fundus_0_2000015 --pixel=40,66

Draws one picture: the image, the truth where it is known, the prediction and, for every skip that carries attention,
the map of point-wise attention and the weights with which the pixel reads the image.
"""

from absl import flags

from jaxseg import cli

WORKDIR, CHECKPOINT = cli.run_flags()
IMAGE = flags.DEFINE_string(
    "image",
    None,
    "A photograph (png, jpg, tif, gif, bmp, ppm, webp), or an image of the run's data by its split and id, "
    "as in --image=test:fundus_0_2000015; --image=test: tells some ids. Required.",
    required=True,
)
PIXEL = flags.DEFINE_list(
    "pixel",
    None,
    "The row and the column of a pixel in the photograph, counted from 0 at the top left, as in --pixel=120,64. "
    "Required.",
    required=True,
)
OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "The PNG file to write; it must not be there yet. Default: figures/attention_IMAGE_ROW_COLUMN.png in the run's "
    "folder.",
)


@flags.validator("pixel", message="want its row and column, as in --pixel=120,64")
def two_numbers(pixel: list[str]) -> bool:
    """Return whether the flag is two whole numbers."""
    return len(pixel) == 2 and all(part.removeprefix("-").isdecimal() for part in pixel)


def main() -> None:
    """Draw the picture, and print its path."""
    from jaxseg.jobs.inspect import inspect_attention

    y, x = map(int, PIXEL.value)
    print(inspect_attention(WORKDIR.value, IMAGE.value, (y, x), output=OUTPUT.value, checkpoint=CHECKPOINT.value))


if __name__ == "__main__":
    cli.run(main)
