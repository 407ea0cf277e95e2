"""Score a run on a split: ``python launch/evaluate.py --workdir=runs/demo --split=test``.

Writes ``eval/<split>.json``, a row per image as ``eval/<split>.csv``, a table as ``eval/<split>.md``, and pictures of
the worst, the median and the best image.
"""

from pathlib import Path

from absl import flags

from jaxseg import cli, evaluation

WORKDIR = flags.DEFINE_string("workdir", None, "The folder of a trained run.", required=True)
SPLIT = flags.DEFINE_enum("split", "test", ["train", "val", "test"], "Which images to score.")
CHECKPOINT = flags.DEFINE_enum("checkpoint", "best", ["best", "latest"], "Best on val, or the latest step.")
DATA_DIR = flags.DEFINE_string("data_dir", "", "Where the images lie now, if not where the run found them.")

SCORED_AT = flags.DEFINE_enum("scored_at", None, ["prepared", "original"], "In place of the run's eval.scored_at.")
THRESHOLD = flags.DEFINE_float("threshold", None, "In place of the run's eval.threshold.", 0.0, 1.0)
TILE = flags.DEFINE_integer("tile", None, "Side of overlapping square tiles, in place of the run's eval.tile.", 32)
FLIPS = flags.DEFINE_boolean("flips", None, "Average over the four flips, in place of the run's eval.flips.")


def main() -> None:
    """Evaluate, and print the table."""
    evaluation.evaluate_run(
        WORKDIR.value,
        SPLIT.value,
        checkpoint=CHECKPOINT.value,
        data_dir=DATA_DIR.value,
        scored_at=SCORED_AT.value,
        threshold=THRESHOLD.value,
        tile=None if TILE.value is None else (TILE.value, TILE.value),
        flips=FLIPS.value,
    )
    print((Path(WORKDIR.value) / "eval" / f"{SPLIT.value}.md").read_text())


if __name__ == "__main__":
    cli.run(main)
