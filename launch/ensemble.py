"""Make runs one predictor: ``python launch/ensemble.py RUN RUN... --workdir=ENSEMBLE``.

Writes a folder that ``launch/evaluate.py``, ``launch/predict.py`` and ``launch/compare.py`` take as a run's: it
predicts the mean of its members' probabilities. The members are the runs, which differ in seed or fold alone, each with
every checkpoint that is asked for; the folder names them, and holds no weights.
"""

from absl import flags

from jaxseg import cli

WORKDIR = flags.DEFINE_string(
    "workdir", None, "The ensemble's folder; it may not hold anything yet. Required.", required=True
)
CHECKPOINT = flags.DEFINE_list(
    "checkpoint",
    ["best"],
    "The weights of each run: best (of the step with the best score on val), latest, or best,latest for both.",
)


def main(*runs: str) -> None:
    """Write the folder, and say how many members it has."""
    from jaxseg.jobs.ensemble import ensemble

    ensemble(runs, WORKDIR.value, CHECKPOINT.value)


if __name__ == "__main__":
    cli.run(main, words=True)
