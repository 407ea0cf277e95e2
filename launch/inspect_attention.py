"""See where a network looks: ``python launch/inspect_attention.py --workdir=runs/demo --image=IMAGE --pixel=120,64``.

Draws one picture: the image, the prediction and, for every skip, the map of point-wise attention and the weights with
which the pixel reads the image. A pixel is its row and column, counted from 0 at the top left.
"""

from absl import flags

from jaxseg import cli, inspection

WORKDIR = flags.DEFINE_string("workdir", None, "The folder of a trained run.", required=True)
IMAGE = flags.DEFINE_string("image", None, "A photograph.", required=True)
PIXEL = flags.DEFINE_list("pixel", None, "Row and column of a pixel, as in --pixel=120,64.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "The PNG to write, if not one in the run's figures/.")
CHECKPOINT = flags.DEFINE_enum("checkpoint", "best", ["best", "latest"], "Best on val, or the latest step.")


@flags.validator("pixel", message="want its row and column, as in --pixel=120,64")
def two_numbers(pixel: list[str]) -> bool:
    """Return whether the flag is two whole numbers."""
    return len(pixel) == 2 and all(part.removeprefix("-").isdecimal() for part in pixel)


def main() -> None:
    """Draw, and say where."""
    y, x = map(int, PIXEL.value)
    path = inspection.inspect_run(WORKDIR.value, IMAGE.value, (y, x), output=OUTPUT.value, checkpoint=CHECKPOINT.value)
    print(path)


if __name__ == "__main__":
    cli.run(main)
