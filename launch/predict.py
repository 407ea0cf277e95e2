"""Predict every image of a folder: ``python launch/predict.py --workdir=runs/demo --images=FOLDER --output=FOLDER``.

Writes masks (0 and 255), probabilities (16-bit grey) and overlays, PNG pictures of each image's own size and stem.
"""

from absl import flags

from jaxseg import cli, inference

WORKDIR = flags.DEFINE_string("workdir", None, "The folder of a trained run.")
IMAGES = flags.DEFINE_string("images", None, "A folder of photographs, or one of them.")
OUTPUT = flags.DEFINE_string("output", None, "The folder to write to; no picture in it is overwritten.")
THRESHOLD = flags.DEFINE_float("threshold", 0.5, "Foreground is where the probability is above it.", 0.0, 1.0)
CHECKPOINT = flags.DEFINE_enum("checkpoint", "best", ["best", "latest"], "Best on val, or the latest step.")
TILE = flags.DEFINE_integer("tile", None, "Side of overlapping square tiles; for images too large for the memory.", 32)
FLIPS = flags.DEFINE_boolean("flips", None, "Average over the four flips of each image.")


def main() -> None:
    """Predict."""
    tile = None if TILE.value is None else (TILE.value, TILE.value)
    predictor = inference.load(WORKDIR.value, CHECKPOINT.value, tile=tile, flips=FLIPS.value)
    masks = inference.predict_folder(predictor, IMAGES.value, OUTPUT.value, threshold=THRESHOLD.value)
    print(f"{len(masks)} images: masks, probabilities and overlays in {OUTPUT.value}")


if __name__ == "__main__":
    flags.mark_flags_as_required(["workdir", "images", "output"])
    cli.run(main)
