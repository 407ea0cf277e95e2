"""Train the network of a config: ``python launch/train.py --config=configs/demo_ja9.py --workdir=runs/demo``.

Every setting is overridden by its name, as in ``--config.model.attention=ja3``; ``jaxseg/config.py`` lists them. The
same command on the same workdir goes on where it stopped.
"""

from absl import flags
from ml_collections import config_flags

from jaxseg import cli, training

CONFIG = config_flags.DEFINE_config_file("config", help_string="A file of configs/, or your own.")
WORKDIR = flags.DEFINE_string("workdir", None, "The folder of the run; new, or one to go on with.", required=True)


def main() -> None:
    """Train."""
    training.train(CONFIG.value, WORKDIR.value)


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    cli.run(main)
