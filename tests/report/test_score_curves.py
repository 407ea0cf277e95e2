import numpy as np
import pytest

from jaxseg.metrics import Tally
from jaxseg.report.learning_curves import BLUE, ORANGE
from jaxseg.report.score_curves import draw_score_curves


def tallied(classes=()):
    rng = np.random.default_rng(0)
    truth, fov = rng.integers(0, 3, (30, 40)).astype(np.uint8), rng.random((30, 40)) < 0.7
    probability = rng.dirichlet(np.ones(3), (30, 40)).astype(np.float32)
    tally = Tally((0.3,) * len(classes) if classes else 0.4, classes=classes)
    tally.add("eye", probability if classes else probability[..., 1], truth if classes else truth == 1, fov)
    return tally.curves()


def test_the_lines_are_the_points_and_the_axes_whole(tmp_path, drawn):
    curves = tallied()
    draw_score_curves(curves, tmp_path / "curves.png", title="test: 1 image")
    figure = drawn["curves.png"]
    roc, precision, calibration, number = figure.axes
    for axis in (roc, precision, calibration):
        assert axis.get_xlim() == axis.get_ylim() == pytest.approx((-0.02, 1.02))
    full, fov = (line for line in roc.lines if not line.get_label().startswith("_"))
    assert (full.get_color(), fov.get_color()) == (BLUE, ORANGE)
    np.testing.assert_array_equal(full.get_xdata(), [0, *curves[0]["false_positive_rate"]])
    np.testing.assert_array_equal(full.get_ydata(), [0, *curves[0]["recall"]])
    assert f"AUC {curves[0]['auc']:.4f}" in full.get_label()
    assert fov.get_label().startswith("field of view: ")
    used = [line for line in roc.lines if len(line.get_xdata()) == 1]
    assert [line.get_ydata()[0] for line in used] == [curve["used"]["recall"] for curve in curves]
    heights = np.diff([0, *curves[0]["recall"]]) * curves[0]["precision"]  # the steps' area is the average precision
    assert heights.sum() == pytest.approx(curves[0]["average_precision"], abs=1e-12)
    assert precision.lines[0].get_drawstyle() == "steps-pre"
    np.testing.assert_array_equal(calibration.lines[1].get_ydata(), curves[0]["calibration"]["frequency"])
    assert (number.get_yscale(), roc.get_yscale()) == ("log", "linear")


def test_classes_have_colours_of_their_own_and_dashes_for_the_field_of_view(tmp_path, drawn):
    classes = ("vessel", "disc")
    draw_score_curves(tallied(classes), tmp_path / "curves.png", title="test", classes=classes)
    lines = [line for line in drawn["curves.png"].axes[0].lines if not line.get_label().startswith("_")]
    assert [line.get_label().split(":")[0] for line in lines] == [
        "vessel, full image", "vessel, field of view", "disc, full image", "disc, field of view"
    ]  # fmt: skip
    colours = [tuple(line.get_color()) for line in lines]
    assert len(set(colours)) == 2
    alone = [curve for curve in tallied(classes) if curve["class"] == "disc"]  # no pixel of the other
    draw_score_curves(alone, tmp_path / "alone.png", title="test", classes=classes)
    lines_alone = [line for line in drawn["alone.png"].axes[0].lines if not line.get_label().startswith("_")]
    assert [tuple(line.get_color()) for line in lines_alone] == colours[2:]
    assert [line.is_dashed() for line in lines] == [False, True, False, True]
