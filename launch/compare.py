"""Compare runs on the images of a split: ``python launch/compare.py RUN RUN... --split=test --metric=dice``.

Each RUN is a folder that ``launch/evaluate.py`` has scored on the split. Runs that differ by their seed alone are one
model, and the folds of a cross-validation (``data.fold``) are one run over all images. Each model is compared with that
of the first RUN: mean, deviations, bootstrap interval, difference, paired tests with Holm's correction, effect sizes,
the smallest difference that so many images could have shown, ranks. Runs scored on other images are refused; where
settings, images and software differ is told.
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
    "A regular expression that finds a person in an image's name, such as '(.*)[LR]$': images of one person stay "
    "together, as no independent evidence. Default: the groups that RUN/data.json tells.",
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
