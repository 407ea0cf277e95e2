"""See what a network needs before it is trained: ``python launch/inspect_model.py --config=configs/drive_ja9.py``.

Prints a table of its layers (outputs, parameters, operations, activations kept for the backward pass, and how each skip
computes its attention), the same sums by resolution, and the memory that a training step needs. Reads no data and
trains nothing. Any setting can be overridden on the command line, as in ``--config.model.attention=danet``.
"""

from absl import flags

from jaxseg import cli

CONFIG = cli.config_flag()
DEPTH = flags.DEFINE_integer(
    "depth",
    1,
    "How deep the rows of the layer table go: 1 shows the outermost modules, 2 the modules inside them, 3 those inside "
    "these, and so on.",
    1,
)


def main() -> None:
    """Print the tables."""
    from jaxseg.jobs.inspect import layer_table

    print(layer_table(CONFIG.value, DEPTH.value))


if __name__ == "__main__":
    cli.run(main)
