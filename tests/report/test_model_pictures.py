"""Pictures of several models: bars with intervals, differences by image, curves."""

import numpy as np
import pytest

from jaxseg.report.bars import draw_bars
from jaxseg.report.differences import draw_differences
from jaxseg.report.model_curves import draw_learning, draw_model_curves


def model(name, mean, low, high, seeds, groups=None):
    known = {"model": name, "mean": mean, "low": low, "high": high, "seed_means": seeds}
    return known | {"num_groups": groups}


COMPARED = {
    "metric": "dice",
    "level": 0.95,
    "models": [
        model("none", 0.80, 0.75, 0.84, [0.79, 0.81]),
        model("sa", None, None, None, []),  # undefined
        model("ja9", 0.82, None, None, [0.82]),  # one image has no interval
    ],
    "over_images": [
        {"model": "sa", "mean": None, "low": None, "high": None},
        {"model": "ja9", "mean": 0.02, "low": -0.01, "high": 0.05},
    ],
}


def test_bars_are_the_means_and_lines_the_intervals(tmp_path, drawn):
    draw_bars(COMPARED, tmp_path / "bars.png", title="test", quoted={"ja9": 0.85})
    left, right = drawn["bars.png"].axes
    assert [(bar.get_y() + bar.get_height() / 2, bar.get_width()) for bar in left.patches] == [(0, 0.80), (2, 0.82)]
    assert [label.get_text() for label in left.get_yticklabels()] == ["none", "sa", "ja9"]
    assert left.get_xlim() == (0, 1)

    def lines(axis):
        return [(list(line.get_xdata()), list(line.get_ydata())) for line in axis.lines]

    assert ([0.75, 0.84], [0, 0]) in lines(left)
    assert ([0.79, 0.81], [0, 0]) in lines(left)  # a dot a seed, where there are two
    assert ([0.85], [2]) in lines(left)
    assert len(left.lines) == 5  # beside these, the marks of the two means
    assert ([-0.01, 0.05], [2, 2]) in lines(right)
    assert right.get_xlabel() == "difference to none, paired by image"
    told = [text.get_text() for text in drawn["bars.png"].legends[0].get_texts()]
    assert told == ["95 % CI over images", "each seed", "published"]


def test_a_distance_may_exceed_one(tmp_path, drawn):
    draw_bars(
        COMPARED | {"metric": "hd95", "models": [model("none", 12.0, 9.0, 15.0, [12.0], 6)], "over_images": []},
        tmp_path / "bars.png",
        title="test",
    )
    (only,) = drawn["bars.png"].axes
    assert only.get_xlim()[0] == 0
    assert only.get_xlim()[1] > 12
    assert [text.get_text() for text in only.figure.legends[0].get_texts()] == ["95 % CI over groups of images"]


def test_differences_are_sorted_and_coloured_by_their_sign(tmp_path, drawn):
    held = {"sa": np.array([0.2, np.nan, -0.1, 0.0]), "ja9": np.full(4, np.nan)}
    draw_differences(held, tmp_path / "differences.png", first="none", score="Dice", title="test")
    first, second = drawn["differences.png"].axes
    assert [bar.get_height() for bar in first.patches] == [-0.1, 0.0, 0.2]
    assert first.patches[0].get_facecolor() != first.patches[2].get_facecolor()
    assert first.get_title(loc="left") == "sa\n1 of 3 images above, 1 below"
    assert first.lines[1].get_ydata()[0] == pytest.approx(0.1 / 3)
    assert second.get_title(loc="left") == "ja9\n0 of 0 images above, 0 below"


def test_models_are_told_apart_and_curves_begin_where_they_must(tmp_path, drawn):
    points = {"false_positive_rate": [0.1, 1.0], "recall": [0.8, 1.0], "precision": [0.9, 0.3], "prevalence": 0.3}
    bins = {"probability": [0.1, 0.9], "frequency": [0.2, 0.8]}
    used = {"false_positive_rate": 0.1, "recall": 0.8, "precision": None}  # nothing is predicted
    curve = points | {"calibration": bins, "used": used}
    draw_model_curves({"none": curve, "ja9": curve | {"used": None}}, tmp_path / "curves.png", title="test")
    roc, precision, calibration = drawn["curves.png"].axes
    chance, none, dot, ja9 = roc.lines
    assert list(chance.get_xdata()) == [0, 1]
    assert (list(none.get_xdata()), list(none.get_ydata())) == ([0, 0.1, 1], [0, 0.8, 1])
    assert (list(dot.get_xdata()), list(dot.get_ydata())) == ([0.1], [0.8])
    assert none.get_color() == dot.get_color() != ja9.get_color()
    assert [len(line.get_xdata()) for line in precision.lines] == [3, 3, 2]  # no dot; the last is the prevalence
    assert list(calibration.lines[2].get_ydata()) == [0.2, 0.8]


def test_every_run_has_a_line_of_its_models_colour(tmp_path, drawn):
    log = [{"step": step, "train/loss": 1 / step} for step in range(1, 401)] + [{"step": 400, "val/dice": 0.8}]
    assert not draw_learning({"none": [[]]}, tmp_path / "learning.png", select="dice")
    assert draw_learning({"none": [log, log], "ja9": [log]}, tmp_path / "learning.png", select="dice")
    loss = drawn["learning.png"].axes[0]
    colours = [line.get_color() for line in loss.lines]
    assert colours[0] == colours[1] != colours[2]
    assert len(loss.lines[0].get_xdata()) == 100  # means of four neighbours
    assert loss.lines[0].get_ydata()[0] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert loss.get_yscale() == "log"
