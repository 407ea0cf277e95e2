"""Score a trained run on a split of its images: ``python launch/evaluate.py --workdir=runs/demo --split=test``.

Prints a table of the scores, and writes into the run's folder ``eval/<split>.json``, ``eval/<split>.csv`` with a row
per image, ``eval/<split>.md`` with the table, pictures of the worst, the median and the best image, and the page
``report.html``. ``--metrics`` and ``--curves`` add what takes time; a later call without them writes the files anew,
without that. With another checkpoint, threshold, tile, flips, reconnection or size than the run's own, the files have
names that say so (``eval/test_threshold0.3.json``) and replace none.
"""

from absl import flags

from jaxseg import cli

WORKDIR, CHECKPOINT = cli.run_flags()
SPLIT = flags.DEFINE_enum(
    "split",
    "test",
    ["train", "val", "test", "shifted_val", "shifted_test"],
    "The images to score: those trained on, held out as val, or test, or those of another source (data.shift).",
)
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "The folder of the images, where it has moved. Default: the run's data.dir."
)
SCORED_AT = flags.DEFINE_enum(
    "scored_at",
    None,
    ["prepared", "original"],
    "Image size at which scores are computed: that of the prepared images (data.image_size), or each image's own. "
    "Default: the run's eval.scored_at.",
)
MASKS = flags.DEFINE_boolean(
    "masks",
    False,
    "Save the predictions too, at the size that is scored: masks, probabilities and overlays, as launch/predict.py "
    "draws them, in the run's eval/<name>_predictions/.",
)
METRICS = flags.DEFINE_list(
    "metrics",
    None,
    "Metrics that take time, with commas between them: average_precision, sensitivity@0.95 (at that specificity), "
    "ece_positive, ece_predicted, hd95, assd, surface_dice@1 (tolerance in pixels), cldice. Default: the run's "
    "eval.metrics.",
)
CURVES = flags.DEFINE_boolean(
    "curves",
    False,
    "Draw ROC, precision-recall and calibration curves of the pooled pixels too, RUN/figures/<name>_curves.png, and "
    "write their points, RUN/eval/curves/<name>.json.",
)
PREDICTION = cli.prediction_flags()


def main() -> None:
    """Evaluate, and print the table."""
    from jaxseg.jobs.evaluate import evaluate

    evaluate(
        WORKDIR.value,
        SPLIT.value,
        checkpoint=CHECKPOINT.value,
        data_dir=DATA_DIR.value or "",
        scored_at=SCORED_AT.value,
        masks=MASKS.value,
        metrics=METRICS.value,
        curves=CURVES.value,
        **PREDICTION(),
    )


if __name__ == "__main__":
    cli.run(main)
