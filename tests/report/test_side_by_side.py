"""An image beside what several models predict: how many panels stand in a line."""

import cv2
import numpy as np
import pytest

from jaxseg.report.side_by_side import draw_side_by_side


@pytest.mark.parametrize(("side", "lines"), [(64, 1), (256, 1), (300, 2)])
def test_panels_of_large_images_are_larger(tmp_path, side, lines):
    """Six panels: in one line, or in two of three, whose width is the page's either way."""
    image, truth = np.zeros((side, side, 3), np.uint8), np.eye(side, dtype=np.uint8)
    draw_side_by_side(image, truth, {f"model {k}": truth for k in range(4)}, tmp_path / "drawn.png")
    height, width = cv2.imread(str(tmp_path / "drawn.png")).shape[:2]
    assert abs(width - 1215) <= 1
    across = (width - 5 * (6 // lines - 1)) / (6 // lines)
    assert abs(height - lines * (across + 27)) <= 3
