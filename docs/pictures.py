"""Draw the pictures of attention.md, ``python docs/pictures.py``: about three minutes on two cores."""

from __future__ import annotations

from pathlib import Path

from pictured import rows, supports
from pictured.panels import save


def main(folder: Path) -> None:
    """Write both into ``folder``."""
    save(supports.draw(), folder / "supports.png")
    save(rows.draw(), folder / "rows.png")


if __name__ == "__main__":
    main(Path(__file__).parent)
