"""Supplementary Table 1 of the paper: vessels of DRIVE.

Regions and reductions are found from the numbers: ``launch/audit.py`` finds them again.
"""

from __future__ import annotations

from jaxseg.published.isic import PAPER
from jaxseg.published.row import FOV, FULL, IMAGE_MEAN, POOLED, Row, Table

_EITHER = f"{IMAGE_MEAN} or {POOLED}"
_FOUND = "found from the printed accuracy, recall and TNR"
_FOUND_WITH_DICE = "found from the printed accuracy, recall, TNR and Dice"


def _row(name: str, scores: str, work: str, region: str, reduction: str, protocol: str = _FOUND) -> Row:
    """Return a row of which ``scores`` are those of the table's columns, "-" where none is printed."""
    printed = zip(("recall", "tnr", "dice", "accuracy", "auc"), scores.split(), strict=True)
    return Row(name, {key: score for key, score in printed if score != "-"}, work, region, reduction, protocol)


def _of_paper(name: str, scores: str) -> Row:
    return _row(name, scores, PAPER, FULL, IMAGE_MEAN, _FOUND_WITH_DICE)


TABLE = Table(
    "drive_supp1",
    f"{PAPER}, supplementary Table 1",
    "drive",
    (
        _row("Hu", "0.7772 0.9793 - 0.9533 0.9759", "Hu et al., Neurocomputing 309 (2018)", FOV, IMAGE_MEAN),
        _row(
            "Alom",
            "0.7792 0.9813 0.8171 0.9556 0.9784",
            "Alom et al., Journal of Medical Imaging 6 (2019): R2U-Net",
            FOV,
            _EITHER,
            _FOUND_WITH_DICE,
        ),
        _row(
            "Mou",
            "0.8126 0.9788 - 0.9594 0.9796",
            "Mou et al., IEEE Transactions on Medical Imaging (2019)",
            FOV,
            IMAGE_MEAN,
        ),
        _row("Wu", "0.8038 0.9802 - 0.9578 0.9821", "Wu et al., MICCAI 2019: Vessel-Net", FOV, _EITHER),
        _row("Lyu", "0.7940 0.9820 - 0.9579 0.9826", "Lyu, Cheng and Tang, OMIA 2019", FOV, _EITHER),
        _row(
            "Wang",
            "0.8107 0.9845 - 0.9681 0.9817",
            "Wang et al., MICCAI 2020: RVSeg-Net",
            FULL,
            IMAGE_MEAN,
            f"{_FOUND}; a crop of the image would fit as well",
        ),
        _of_paper("DenseUNet", "0.7635 0.9875 0.8048 0.9677 0.9802"),
        _of_paper("DenseUNet-SA", "0.7691 0.9881 0.8109 0.9687 0.9838"),
        _of_paper("DenseUNet-PWA", "0.8087 0.9828 0.8118 0.9673 0.9826"),
        _of_paper("DenseUNet-JA", "0.7907 0.9864 0.8164 0.9690 0.9845"),
    ),
    "20 test images of 584 x 565 by the official split; threshold, seeds and how the checkpoint was chosen are not "
    "told. Rows of different regions cannot be compared by accuracy, TNR or AUC.",
    20,
)
