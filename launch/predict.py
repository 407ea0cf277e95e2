"""Predict every image of a folder: ``python launch/predict.py --workdir=runs/demo --images=FOLDER --output=FOLDER``.

Writes three PNG pictures per image, of the image's own size and file name, into subfolders of the output: ``masks/``
(0 and 255), ``probabilities/`` (16-bit grey) and ``overlays/`` (the photograph with the mask drawn on it).
"""

from absl import flags

from jaxseg import cli, inference

WORKDIR = flags.DEFINE_string("workdir", None, "The folder of a trained run. Required.", required=True)
IMAGES = flags.DEFINE_string(
    "images",
    None,
    "A folder of photographs (png, jpg, tif, gif, bmp; subfolders are not searched), or one photograph. Required.",
    required=True,
)
OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "The folder to write to, made where it is not there. Pictures in it are never overwritten: one that would be stops "
    "the command before it predicts. Required.",
    required=True,
)
THRESHOLD = flags.DEFINE_float(
    "threshold",
    None,
    "The probability above which a pixel is called foreground. Default: the run's eval.threshold.",
    0.0,
    1.0,
)
CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "best", ["best", "latest"], "The weights: of the step with the best score on val, or the latest."
)
TILE = flags.DEFINE_integer(
    "tile",
    None,
    "Predict in overlapping square tiles of this side, in pixels of the prepared images (data.image_size); for images "
    "too large for the memory. Default: the run's eval.tile.",
    32,
)
FLIPS = flags.DEFINE_boolean(
    "flips",
    None,
    "Average the probabilities over the four flips of an image (none, vertical, horizontal, both); takes four times "
    "as long. Default: the run's eval.flips.",
)


def main() -> None:
    """Predict, and say where the pictures are."""
    tile = None if TILE.value is None else (TILE.value, TILE.value)
    predictor = inference.load(WORKDIR.value, CHECKPOINT.value, tile=tile, flips=FLIPS.value, threshold=THRESHOLD.value)
    masks = inference.predict_folder(predictor, IMAGES.value, OUTPUT.value)
    print(f"{len(masks)} images: masks, probabilities and overlays in {OUTPUT.value}")


if __name__ == "__main__":
    cli.run(main)
