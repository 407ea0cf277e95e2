r"""Pack predicted masks as an evaluation server wants them.

    python launch/predict.py --workdir=RUN --images=TEST_IMAGES --output=PREDICTED
    python launch/submission.py --masks=PREDICTED/masks --names='{id}_segmentation' --output=isic.zip

ISIC-2017 takes ``ISIC_0012086_segmentation.png`` of 0 and 255, at the photograph's own size
(https://challenge.isic-archive.com/landing/2017/42), which is what the example writes. For DRIVE, whose test labels
are withheld, look up the names on its page: ``--names='{number}'`` makes ``1.png`` of ``01_test.png``.
"""

from absl import flags

from jaxseg import cli

MASKS = flags.DEFINE_string("masks", None, "A folder of masks, such as PREDICTED/masks. Required.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "The zip file; it is never overwritten. Required.", required=True)
NAMES = flags.DEFINE_string(
    "names",
    "{id}",
    "What a mask is called in it, without its ending .png: {id} stands for its own name, {number} for the first whole "
    "number in that, without leading zeros.",
)


def main() -> None:
    """Pack, and say what is in it."""
    from jaxseg.jobs.submission import submission

    packed = submission(MASKS.value, OUTPUT.value, NAMES.value)
    print(f"{OUTPUT.value}: {len(packed)} masks of 0 and 255, {packed[0]} to {packed[-1]}")


if __name__ == "__main__":
    cli.run(main)
