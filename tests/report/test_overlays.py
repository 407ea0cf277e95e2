import numpy as np
import pytest

from jaxseg.data.palette import colours
from jaxseg.metrics import decide
from jaxseg.report import overlays
from jaxseg.report.overlays import Example


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (0, []),
        (1, [("best", 0)]),
        (2, [("worst", 0), ("best", 1)]),
        (3, [("worst", 0), ("median", 1), ("best", 2)]),
        (8, [("worst", 0), ("median", 3), ("best", 7)]),
    ],
)
def test_worst_median_and_best_are_chosen_by_rank(number, wanted):
    rows = [{"id": index} for index in range(number)]
    assert [(place, row["id"]) for place, row in overlays.choose(rows)] == wanted


def test_each_kind_of_pixel_has_its_colour():
    image = np.full((2, 2, 3), 100, np.uint8)
    truth = np.array([[1, 0], [1, 0]], np.uint8)
    prediction = np.array([[1, 1], [0, 0]], np.uint8)
    drawn = overlays.error_map(image, truth, prediction)
    dark = 100 * 0.45
    assert drawn[0, 0].tolist() == [round(0.55 * dark + 0.45 * 255)] * 3  # hit: the photograph shows through
    assert drawn[0, 1].tolist() == [240, 120, 0]  # predicted, not in the truth
    assert drawn[1, 0].tolist() == [64, 180, 255]  # missed
    assert drawn[1, 1].tolist() == [45] * 3  # right background: the darkened photograph


def _example(height, width, fov=None, fill=0.5):
    rng = np.random.default_rng(0)
    truth = (rng.random((height, width)) < fill).astype(np.uint8)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    probability = rng.random((height, width), np.float32)
    return Example("best  ·  eye  ·  Dice 0.9", image, truth, probability, decide(probability, 0.25), fov)


def test_a_row_an_example_with_title_legend_and_colour_bar(tmp_path, drawn):
    fov = np.ones((20, 30), bool)
    fov[:5] = False
    overlays.draw_examples(
        [_example(20, 30, fov), _example(40, 30)], tmp_path / "x.png", title="val: by Dice", threshold=0.25
    )
    figure = drawn["x.png"]
    panels = [axis for axis in figure.axes if axis.images]
    assert len(panels) == 2 * 4
    texts = [text.get_text() for text in figure.texts] + [text.get_text() for axis in panels for text in axis.texts]
    assert {"val: by Dice", "best  ·  eye  ·  Dice 0.9", "errors at threshold 0.25", "probability"} <= set(texts)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(overlays.ERRORS)
    (bar,) = [axis for axis in figure.axes if axis.get_xlabel() == "foreground probability"]
    assert bar.get_xlim() == (0, 1)
    # panels keep their images' shapes
    width, height = figure.get_size_inches()
    for panel, aspect in zip(panels[::4], (20 / 30, 40 / 30), strict=True):
        box = panel.get_position()
        assert box.height * height / (box.width * width) == pytest.approx(aspect)


def test_a_truth_that_is_empty_or_full_draws(tmp_path, drawn):
    overlays.draw_examples(
        [_example(9, 9, fill=0.0), _example(9, 9, fill=2.0)], tmp_path / "x.png", title="", threshold=0.5
    )
    assert (tmp_path / "x.png").stat().st_size > 0


def test_enlarged_pixels_keep_their_edges_and_an_oblong_image_is_said_to_be_stretched(tmp_path, drawn):
    overlays.draw_examples([_example(3, 200), _example(30, 900)], tmp_path / "x.png", title="")
    figure = drawn["x.png"]
    panels = [axis for axis in figure.axes if axis.images and axis.get_xlim()[1] > 100]
    shown = [panel.images[0].get_interpolation() for panel in panels]
    assert shown == ["nearest"] * 4 + ["auto"] * 4
    assert sum("Dice 0.9  ·  stretched" in text.get_text() for text in figure.texts) == 2
    assert not any("stretched" in text.get_text() for text in _titles(tmp_path, drawn, _example(20, 30)))


def _titles(tmp_path, drawn, example):
    overlays.draw_examples([example], tmp_path / "y.png", title="")
    return drawn["y.png"].texts


def test_the_outline_of_the_truth_closes_at_the_border(tmp_path, drawn):
    example = _example(20, 30, fill=2.0)
    overlays.draw_examples([example], tmp_path / "x.png", title="")
    (lines,) = drawn["x.png"].axes[1].collections
    found = lines.get_paths()[0].get_extents()
    assert (found.x0, found.x1, found.y0, found.y1) == (-0.5, 29.5, -0.5, 19.5)
    assert drawn["x.png"].axes[1].get_xlim() == (-0.5, 29.5)


def test_a_large_photograph_is_thinned(tmp_path, drawn):
    overlays.draw_examples([_example(3000, 100)], tmp_path / "x.png", title="", threshold=0.5)
    assert drawn["x.png"].axes[0].images[0].get_array().shape == (1000, 34, 3)


def test_another_class_is_an_error_of_its_own_and_unknown_pixels_are_none():
    image = np.full((1, 4, 3), 100, np.uint8)
    truth, prediction = np.array([[1, 2, 255, 0]], np.uint8), np.array([[2, 2, 1, 2]], np.uint8)
    drawn = overlays.error_map(image, truth, prediction)
    assert drawn[0, 0].tolist() == [230, 70, 200]
    assert drawn[0, 1].tolist() == [round(0.55 * 45 + 0.45 * 255)] * 3
    assert drawn[0, 2].tolist() == [45] * 3
    assert drawn[0, 3].tolist() == [240, 120, 0]


def test_classes_have_their_colours_over_the_photograph():
    image = np.full((1, 4, 3), 100, np.uint8)
    drawn = overlays.class_map(image, np.array([[0, 1, 2, 255]], np.uint8), 2)
    assert drawn[0, 0].tolist() == [100] * 3
    for k, colour in enumerate((*colours(2), np.full(3, 128)), 1):
        np.testing.assert_array_equal(drawn[0, k], np.rint(0.25 * 100 + 0.75 * colour))


def test_the_names_of_many_classes_stand_clear_of_the_errors(tmp_path, drawn):
    rng = np.random.default_rng(0)
    image, truth = rng.integers(0, 256, (20, 30, 3), np.uint8), rng.integers(0, 9, (20, 30)).astype(np.uint8)
    probability = rng.random((20, 30, 9), np.float32)
    example = Example("worst", image, truth, probability, decide(probability, ()), None)
    names = [f"macular_exudates_{k}" for k in range(8)]
    overlays.draw_examples([example], tmp_path / "x.png", title="", threshold=(), classes=names)
    figure = drawn["x.png"]
    boxes = [legend.get_window_extent() for legend in figure.legends]
    panels = [axis.get_window_extent() for axis in figure.axes]
    assert not boxes[0].overlaps(boxes[1])
    assert not any(box.overlaps(panel) for box in boxes for panel in panels)
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0 for box in boxes)


def test_several_classes_have_a_legend_and_no_colour_bar(tmp_path, drawn):
    rng = np.random.default_rng(0)
    image, truth = rng.integers(0, 256, (20, 30, 3), np.uint8), rng.integers(0, 3, (20, 30)).astype(np.uint8)
    truth[3] = 255
    probability = rng.random((20, 30, 3), np.float32)
    example = Example("worst", image, truth, probability, decide(probability, ()), None)
    names = ("vessel", "disc")
    overlays.draw_examples([example], tmp_path / "x.png", title="", threshold=(), classes=names)
    figure = drawn["x.png"]
    predicted = figure.axes[2].images[0].get_array()
    np.testing.assert_array_equal(
        predicted, overlays.class_map(image, example.probability.argmax(-1).astype(np.uint8), 2)
    )
    words = [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]
    assert words == [["vessel", "disc", "not scored"], list(overlays.CLASS_ERRORS)]
    assert [axis.get_xlabel() for axis in figure.axes if axis.get_xlabel()] == []
