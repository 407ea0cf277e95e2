"""Table 1 and supplementary Fig. 3 of the paper: lesions of ISIC-2017."""

from __future__ import annotations

from jaxseg.published.row import ANOTHER, FULL, IMAGE_MEAN, UNKNOWN, Row, Table

PAPER = "Zhang, Dong and Li, Joint Attention for Medical Image Segmentation, ISBI 2022"

_NOT_POOLED = (
    "the Dice of the printed precision and recall exceeds the printed Dice, as of means over images; of pooled pixels "
    "they would be equal"
)


def _row(name: str, work: str, reduction: str, protocol: str, **scores: str) -> Row:
    return Row(name, scores, work, FULL, reduction, protocol)


def _of_paper(name: str, dice: str, precision: str, recall: str, accuracy: str) -> Row:
    scores = dict(dice=dice, precision=precision, recall=recall, accuracy=accuracy)
    return _row(name, PAPER, IMAGE_MEAN, _NOT_POOLED, **scores)


TABLE1 = Table(
    "isic_table1",
    f"{PAPER}, Table 1",
    "isic2017",
    (
        _row(
            "Abhishek [13]",
            "Abhishek and Hamarneh, arXiv 2010.13454 (2020): the MCC loss",
            UNKNOWN,
            "no precision is printed, so the numbers do not tell",
            dice="0.8384", recall="0.8130", accuracy="0.9217",
        ),
        _row(
            "Abhishek [14]",
            "Abhishek, Hamarneh and Drew, CVPR Workshops 2020: illumination-based inputs",
            UNKNOWN,
            "no precision is printed, so the numbers do not tell; its public code takes images of 128 x 128",
            dice="0.8386", recall="0.8706", accuracy="0.9220",
        ),
        _row(
            "Kaul",
            "Kaul, Pears and Manandhar, arXiv 1912.02079 (2019): FocusNetAlpha",
            ANOTHER,
            "the printed Dice exceeds what the printed precision and recall allow, of pooled pixels and of means over "
            "images",
            dice="0.8404", precision="0.8002", recall="0.8222", accuracy="0.9349",
        ),
        _row(
            "Zhang [16]",
            "Zhang, Dong and Li, MICCAI 2020: DACN",
            IMAGE_MEAN,
            f"{_NOT_POOLED}; the public code averages over batches of 4 images",
            dice="0.8463", precision="0.9076", recall="0.8432", accuracy="0.9319",
        ),
        _of_paper("DenseUNet", "0.8363", "0.9335", "0.8028", "0.9300"),
        _of_paper("DenseUNet-SA", "0.8408", "0.9131", "0.8304", "0.9321"),
        _of_paper("DenseUNet-PWA", "0.8396", "0.9006", "0.8377", "0.9322"),
        _of_paper("DenseUNet-JA", "0.8500", "0.9187", "0.8358", "0.9338"),
    ),
    "600 test images, resized to 256 x 256; threshold, seeds and how the checkpoint was chosen are not told",
    600,
)  # fmt: skip

FIG3 = Table(
    "isic_fig3",
    f"{PAPER}, supplementary Fig. 3",
    "isic2017",
    (
        _row("DenseUNet", PAPER, IMAGE_MEAN, "the baseline; DenseUNet of Table 1", dice="0.8363"),
        _row("JA-9", PAPER, IMAGE_MEAN, "DenseUNet-JA of Table 1", dice="0.8500"),
    ),
    "The bars of JA-1 to JA-8 have no printed values. The text says that JA-7, JA-8 and JA-9 are better than the "
    "others, and JA-9 the best.",
    600,
)
