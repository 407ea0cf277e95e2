"""Predict every image of a folder: ``python launch/predict.py --workdir=runs/demo --images=FOLDER --output=FOLDER``.

Writes three PNG pictures per image, of the image's own size and file name, into subfolders of the output: ``masks/``
(0 and 255), ``probabilities/`` (16-bit grey) and ``overlays/`` (the photograph with the mask drawn on it). Of a run
with several classes, the masks hold the number of each pixel's class, in colour; each class has probabilities, in a
subfolder of its name; and the overlays are taller, by a strip that names the colours. ISIC's ``*_superpixels.png`` are
passed over.
"""

from absl import flags

from jaxseg import cli

WORKDIR, CHECKPOINT = cli.run_flags()
IMAGES = flags.DEFINE_string(
    "images",
    None,
    "A folder of photographs (png, jpg, tif, gif, bmp, ppm, webp; subfolders are not searched), or one. Required.",
    required=True,
)
OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "The folder to write to, made where it is not there. Pictures in it are never overwritten: one that would be stops "
    "the command before it predicts. Required.",
    required=True,
)
PREDICTION = cli.prediction_flags()


def main() -> None:
    """Predict, and say where the pictures are."""
    from jaxseg import inference

    predictor = inference.load(WORKDIR.value, CHECKPOINT.value, **PREDICTION())
    masks = inference.predict_folder(predictor, IMAGES.value, OUTPUT.value)
    print(f"{len(masks)} images: masks, probabilities and overlays in {OUTPUT.value}")


if __name__ == "__main__":
    cli.run(main)
