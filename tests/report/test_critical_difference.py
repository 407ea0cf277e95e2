import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from jaxseg.report.critical_difference import draw_critical_difference

RANKS = {
    "models": ["a", "$b$", "c"],
    "alpha": 0.05,
    "mean_ranks": [2.5, 1.2, 2.3],
    "critical_difference": 0.4,
    "alike": [[2, 0]],
}


def draw(drawn, tmp_path, **changes):
    draw_critical_difference(RANKS | changes, tmp_path / "ranks.png", title="Dice of the test images")
    figure = drawn["ranks.png"]
    (axis,) = figure.axes
    return figure, axis, [text.get_text() for text in axis.texts]


def test_models_stand_by_their_ranks_and_bars_over_the_like(drawn, tmp_path):
    figure, axis, texts = draw(drawn, tmp_path)
    assert texts == ["critical difference 0.40 (Nemenyi, 0.05)", "$b$  1.20", "c  2.30", "a  2.50"]  # the best first
    assert [line.get_xdata().tolist() for line in axis.lines if line.get_linewidth() == 5] == [[2.3, 2.5]]
    assert [float(line.get_xdata()[0]) for line in axis.lines if line.get_marker() == "o"] == [1.2, 2.3, 2.5]
    (difference,) = (line.get_xdata() for line in axis.lines if line.get_linewidth() == 3)
    assert difference[1] - difference[0] == pytest.approx(0.4)
    assert figure.get_suptitle() == "Mean ranks, 1 the best: Dice of the test images"


def test_a_difference_longer_than_the_axis_is_told(drawn, tmp_path):
    _, axis, texts = draw(drawn, tmp_path, critical_difference=3.1, alike=[[1, 2, 0]])
    assert texts[0] == "critical difference 3.10 (Nemenyi, 0.05, longer than the axis)"
    assert max(line.get_xdata()[1] for line in axis.lines if line.get_linewidth() == 3) == 3


def test_no_label_leaves_the_picture(drawn, tmp_path):
    names = [f"attention=ja{number}, steps=20000" for number in range(9)]
    figure, axis, _ = draw(drawn, tmp_path, models=names, mean_ranks=[1.0 + place for place in range(9)], alike=[])
    FigureCanvasAgg(figure).draw()  # at its own resolution, not that of the file
    width, height = figure.canvas.get_width_height()
    boxes = [text.get_window_extent() for text in axis.texts]
    assert min(min(box.x0, box.y0) for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= width
    assert max(box.y1 for box in boxes) <= height
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
