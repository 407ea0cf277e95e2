"""Compare runs on the images of a split: ``python launch/compare.py RUN RUN... --split=test --metric=dice``.

Each RUN is a folder that ``launch/evaluate.py`` has scored on the split; ``RUN:test_flips`` takes the scores in
``RUN/eval/test_flips.csv``. Runs that differ by their seed alone are one model, and the folds of a cross-validation
(``data.fold``) are one run over all images. Each model is compared with that of the first RUN: means, standard
deviations, bootstrap confidence intervals, paired differences and tests with Holm's correction, effect sizes, the
minimum detectable difference, and ranks. Runs scored on different images are refused; differences in settings, training
data and software are listed.
"""

from absl import flags

from jaxseg import cli

SPLIT = flags.DEFINE_enum(
    "split",
    "test",
    ["train", "val", "test", "shifted_val", "shifted_test"],
    "The images on which the runs were scored.",
)
METRIC = flags.DEFINE_string("metric", "dice", "The score to compare, a column of RUN/eval/<split>.csv.")
REGION = flags.DEFINE_enum(
    "region", "full", ["full", "fov"], "The pixels that are scored: all, or those in the field of view."
)
CLASS = flags.DEFINE_string("class", None, "Of several classes the one to compare. Default: the mean over all classes.")
GROUP_PATTERN = flags.DEFINE_string(
    "group_pattern",
    None,
    "A regular expression that finds the patient in an image's name, such as '(.*)[LR]$': the images of one patient "
    "are one unit of the bootstrap and the tests. Default: the groups in RUN/data.json.",
)
OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "A folder for comparison.json, comparison.csv, comparison.md and ranks.png, none of which may be there. Default: "
    "nothing is written.",
)


def main(*runs: str) -> None:
    """Compare, and print the tables."""
    from jaxseg.jobs.compare import compare

    compare(
        runs,
        SPLIT.value,
        metric=METRIC.value,
        region=REGION.value,
        label=CLASS.value or "",
        group_pattern=GROUP_PATTERN.value or "",
        output=OUTPUT.value,
    )


if __name__ == "__main__":
    cli.run(main, words=True)
