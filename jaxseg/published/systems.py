"""Sizes of published systems, to set beside those of the networks here (``docs/systems.md``)."""

from __future__ import annotations

from jaxseg.published.row import Row, Table

_OF_CODE = "counted from"


def _row(name: str, work: str, parameters: str, macs: str, source: str) -> Row:
    return Row(name, dict(parameters=parameters) | ({"macs": macs} if macs else {}), work, protocol=source)


TABLE = Table(
    "system_sizes",
    "authors' code and papers, as each row's protocol names them; counted for one image of 256 x 256",
    "",
    (
        _row("U-Net", "Ronneberger et al., MICCAI 2015", "31,030,658", "", "from the paper's layers, one channel"),
        _row("UNet++", "Zhou et al., DLMIA 2018", "9,041,601", "29.8e9", "parameters as the authors' code prints them"),
        _row("Attention U-Net", "Oktay et al., MIDL 2018", "6,473,322", "", f"{_OF_CODE} the authors' 3-D code"),
        _row("Non-local U-Net", "Wang et al., AAAI 2020", "1,760,452", "", f"{_OF_CODE} the authors' 3-D code"),
        _row("R2U-Net", "Alom et al., 2019", "39,091,393", "152.5e9", f"{_OF_CODE} a public re-implementation"),
        _row("Vessel-Net", "Wu et al., MICCAI 2019", "1,265,477", "17.46e9", f"{_OF_CODE} public re-implementations"),
        _row("H-DenseUNet, 2-D", "Li et al., TMI 2018", "49,527,843", "24.26e9", f"{_OF_CODE} the authors' code"),
        _row("DenseUNet", "Zhang, Dong and Li, 2020", "48,840,260", "25.72e9", f"{_OF_CODE} the first author's code"),
        _row("FocusNetAlpha", "Kaul et al., 2019", "7,771,723", "24.18e9", f"{_OF_CODE} the authors' code"),
        _row("DACN", "Zhang, Dong and Li, MICCAI 2020", "48,895,816", "29.35e9", f"{_OF_CODE} the authors' code"),
        _row("W-Net", "Galdran et al., 2020", "68,482", "1.02e9", f"{_OF_CODE} the authors' code"),
    ),
)
