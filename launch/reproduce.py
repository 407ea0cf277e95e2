"""Run a study: ``python launch/reproduce.py --study=configs/studies/demo.py --workdir=studies/demo``.

A study is models x seeds, and folds in cross-validation. Each is an ordinary run in ``WORKDIR/runs/<model>/<seed>``,
trained and scored; the same command goes on where it was stopped, and does nothing twice. What a run prints is in
``WORKDIR/logs/``. ``--study.config.<section>.<name>=VALUE`` overrides a setting of all runs, ``--study.seeds="(0, 1)"``
the seeds. On a cluster each task of an array takes a shard; the same command without ``--shard`` then finds all done:

    sbatch --array=0-7 launch/reproduce.sbatch --study=configs/studies/isic_table1.py --workdir=studies/isic_table1
"""

from absl import flags

from jaxseg import cli

STUDY = cli.study_flag()
WORKDIR = flags.DEFINE_string(
    "workdir", None, "The folder of the study, a new one or that of the same study. Required.", required=True
)
ONLY = flags.DEFINE_list(
    "only", [], "Run only these, with commas between: MODEL, MODEL/SEED or MODEL/SEED/foldK. Default: all."
)
SHARD = flags.DEFINE_string("shard", "0/1", "Run only the i-th of n parts of the study, as in --shard=0/4.")
PARALLEL = flags.DEFINE_integer(
    "parallel",
    0,
    "Runs at a time, each with its share of the cores or GPUs. 0: one a GPU, or two on a CPU of two cores and more.",
    0,
)


def main() -> None:
    """Run the study."""
    from jaxseg.jobs.reproduce import reproduce

    reproduce(STUDY.value, WORKDIR.value, names=ONLY.value, part=SHARD.value, parallel=PARALLEL.value)


if __name__ == "__main__":
    cli.run(main)
