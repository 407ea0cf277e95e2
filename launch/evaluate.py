"""Score a run on a split: ``python launch/evaluate.py --workdir=runs/demo --split=test``.

Writes ``eval/<split>.json``, a row per image as ``eval/<split>.csv``, a table as ``eval/<split>.md``, and pictures of
the worst, the median and the best image.
"""

from pathlib import Path

from absl import flags

from jaxseg import cli, evaluation

WORKDIR = flags.DEFINE_string("workdir", None, "The folder of a trained run.")
SPLIT = flags.DEFINE_enum("split", "test", ["train", "val", "test"], "Which images to score.")
CHECKPOINT = flags.DEFINE_enum("checkpoint", "best", ["best", "latest"], "Best on val, or the latest step.")
DATA_DIR = flags.DEFINE_string("data_dir", "", "Where the images lie now, if not where the run found them.")


def main() -> None:
    """Evaluate, and print the table."""
    evaluation.evaluate_run(WORKDIR.value, SPLIT.value, checkpoint=CHECKPOINT.value, data_dir=DATA_DIR.value)
    print((Path(WORKDIR.value) / "eval" / f"{SPLIT.value}.md").read_text())


if __name__ == "__main__":
    flags.mark_flag_as_required("workdir")
    cli.run(main)
