"""Run a study: ``python launch/reproduce.py --study=configs/studies/demo.py --workdir=studies/demo``.

A study is models x seeds, and folds in cross-validation. Each is an ordinary run in ``WORKDIR/runs/<model>/<seed>``,
trained and scored; the same command resumes a stopped study and skips the runs that are done. What a run prints is in
``WORKDIR/logs/``. ``--study.config.<section>.<name>=VALUE`` overrides a setting of all runs but those whose model sets
it itself, ``--study.seeds="(0, 1)"`` the seeds. On a cluster each task of an array takes a shard; the same command
without ``--shard`` then finds all done:

    sbatch --array=0-7 launch/reproduce.sbatch --study=configs/studies/isic_table1.py --workdir=studies/isic_table1

``--submit=8`` does the same through submitit, which submits a job again that reaches its time limit.
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
SUBMIT = flags.DEFINE_integer(
    "submit",
    0,
    "Submit so many shards to a Slurm cluster through submitit (pip install -e '.[cluster]') and return. 0: run here.",
    0,
)
SUBMIT_OPTION = flags.DEFINE_multi_string(
    "submit_option",
    [],
    "NAME=VALUE, an option of submitit, as in --submit_option=slurm_partition=gpu --submit_option=timeout_min=1440; "
    "may be given several times.",
)


def main() -> None:
    """Run the study, or submit it."""
    if SUBMIT.value:
        from jaxseg.jobs.submit import submit

        if SHARD.present:
            raise ValueError("--submit makes the shards itself; leave --shard out, or --submit")
        options = cli.named_values("submit_option", SUBMIT_OPTION.value)
        given = {"names": ONLY.value, "parallel": PARALLEL.value, "options": options}
        submit(STUDY.value, WORKDIR.value, shards=SUBMIT.value, **given)
        return
    from jaxseg.jobs.reproduce import leave_the_gpus, reproduce

    leave_the_gpus()
    reproduce(STUDY.value, WORKDIR.value, names=ONLY.value, part=SHARD.value, parallel=PARALLEL.value)


if __name__ == "__main__":
    cli.run(main)
