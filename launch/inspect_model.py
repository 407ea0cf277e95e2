"""See what a network takes, before it trains: ``python launch/inspect_model.py --config=configs/drive_ja9.py``.

Prints a table of its layers (outputs, parameters, operations, activations kept for the backward pass, and how each skip
computes its attention), the same by level, and the memory that a training step needs. No data is read, and nothing is
trained. Every setting is overridden by its name, as in ``--config.model.attention=danet``.
"""

from absl import flags
from ml_collections import config_flags

from jaxseg import cli, models
from jaxseg.config import training_batch

CONFIG = config_flags.DEFINE_config_file("config", help_string="A file of configs/, or your own.")
DEPTH = flags.DEFINE_integer("depth", 1, "Rows for modules within so many others, less one.", 1)


def main() -> None:
    """Print the tables."""
    images = training_batch(CONFIG.value)
    print(models.summarise(models.build(**CONFIG.value.model.to_dict()), images).text(DEPTH.value))


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    cli.run(main)
