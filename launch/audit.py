"""Which protocol published scores can come from: ``python launch/audit.py --dataset=drive --accuracy=0.9690 ...``.

Takes a row of a table, each score as printed, and says in which region (full image, field of view) and by which
reduction (mean over images, pooled) it can have been computed, and what accuracy and TNR are in the other region.
Without flags: a line for each row of the paper's tables. ``docs/audit.md`` says what the verdicts mean.
"""

from absl import flags

from jaxseg import cli

DATASET = flags.DEFINE_enum(
    "dataset", None, ["drive", "isic2017"], "The test images that were scored. Default: the paper's tables."
)
SCORES = {
    name: flags.DEFINE_string(name, None, f"{what}, as the table prints it. Default: not printed.")
    for name, what in {
        "accuracy": "The accuracy",
        "recall": "The recall (sensitivity)",
        "sensitivity": "The same as --recall",
        "tnr": "The true negative rate (specificity)",
        "specificity": "The same as --tnr",
        "precision": "The precision",
        "dice": "The Dice coefficient (F1)",
    }.items()
}
DECIMALS = flags.DEFINE_integer(
    "decimals",
    None,
    "How many digits the table prints, where a score came without its last zeros. Default: as given.",
    2,
)


def main() -> None:
    """Audit, and print."""
    from jaxseg.jobs.audit import audit

    print(audit(DATASET.value, {name: flag.value for name, flag in SCORES.items()}, DECIMALS.value))


if __name__ == "__main__":
    cli.run(main)
