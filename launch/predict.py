"""Predict every image of a folder: ``python launch/predict.py --workdir=runs/demo --images=FOLDER --output=FOLDER``.

Writes masks (0 and 255), probabilities (16-bit grey) and overlays, PNG pictures of each image's own size and stem.
"""

from absl import flags

from jaxseg import cli, inference

WORKDIR = flags.DEFINE_string("workdir", None, "The folder of a trained run.", required=True)
IMAGES = flags.DEFINE_string("images", None, "A folder of photographs, or one of them.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "The folder to write to; no picture in it is overwritten.", required=True)
THRESHOLD = flags.DEFINE_float("threshold", None, "In place of the run's eval.threshold.", 0.0, 1.0)
CHECKPOINT = flags.DEFINE_enum("checkpoint", "best", ["best", "latest"], "Best on val, or the latest step.")
TILE = flags.DEFINE_integer("tile", None, "Side of overlapping square tiles; for images too large for the memory.", 32)
FLIPS = flags.DEFINE_boolean("flips", None, "Average over the four flips of each image.")


def main() -> None:
    """Predict."""
    tile = None if TILE.value is None else (TILE.value, TILE.value)
    predictor = inference.load(WORKDIR.value, CHECKPOINT.value, tile=tile, flips=FLIPS.value, threshold=THRESHOLD.value)
    masks = inference.predict_folder(predictor, IMAGES.value, OUTPUT.value)
    print(f"{len(masks)} images: masks, probabilities and overlays in {OUTPUT.value}")


if __name__ == "__main__":
    cli.run(main)
