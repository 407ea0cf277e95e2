"""Train the network of a config: ``python launch/train.py --config=configs/demo_ja9.py --workdir=runs/demo``.

Any setting can be overridden on the command line, as in ``--config.model.attention=ja3``; ``jaxseg/config.py`` lists
them all. The same command on the same workdir continues a run that was stopped.
"""

from absl import flags

from jaxseg import cli

CONFIG = cli.config_flag()
WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "The folder of the run. A new folder starts a run; that of a stopped run continues it from its last checkpoint. "
    "Required.",
    required=True,
)


def main() -> None:
    """Train."""
    from jaxseg.jobs.train import train

    train(CONFIG.value, WORKDIR.value)


if __name__ == "__main__":
    cli.run(main)
