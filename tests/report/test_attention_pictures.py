import itertools
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent
from matplotlib.figure import Figure

from jaxseg.report import Scene, draw_comparison, draw_pixel, follow_clicks, sliders
from jaxseg.report.attention import views
from jaxseg.report.panels import Scale, View, labels


class Map(NamedTuple):
    values: np.ndarray
    cell: tuple[float, float]

    @property
    def extent(self):
        rows, columns = self.values.shape[-2:]
        return -0.5, columns * self.cell[1] - 0.5, rows * self.cell[0] - 0.5, -0.5


class Both(NamedTuple):
    point_wise: object
    passes: tuple
    composed: object


class Joint(NamedTuple):
    point_wise: object
    self: object
    composed: object


class Shown:
    """A map as a leaf, as ``models.Map`` is one."""

    def __init__(self, values, cell):
        self.values, self.extent = values, Map(values, cell).extent


class Skip:
    """A skip of stride 8 over an image of 48 x 64 pixels, by hand."""

    stride, grid = 8, (6, 8)

    def __init__(self, rows, gates=()):
        self._rows, self._gates = rows, dict(gates)

    def rows(self, pixels):
        return self._rows

    def gate_maps(self):
        return self._gates

    def cells(self, pixels):
        if pixels[0][0] > 47:
            raise ValueError("off the image")
        return np.array(pixels) // 8


PIXEL = (20, 35)  # in cell (2, 4)


def row(values=None, seed=0, cell=(8.0, 8.0), heads=1):
    if values is None:
        values = np.random.default_rng(seed).normal(size=(1, heads, 6, 8)).astype(np.float32)
    return Shown(values, cell)


@pytest.fixture
def joint():
    gate = Shown(np.random.default_rng(1).random((1, 6, 8), np.float32), (8.0, 8.0))
    pooled = Shown(np.ones((1, 1, 3, 4), np.float32), (16.0, 16.0))
    return Skip(Both(row(), (row(heads=3), pooled), None), {"point_wise": gate})


def scene(**skips):
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (48, 64, 3), np.uint8)
    levels = {int(name[1:]): skip for name, skip in skips.items()}
    return Scene("ja9: eye", ("how it is made",), image, rng.random((48, 64), np.float32), levels)


def written(figure):
    return [text.get_text() for text in figure.texts] + [t.get_text() for axis in figure.axes for t in axis.texts]


def test_every_part_is_seen_once_by_its_name(joint):
    found = views(joint, PIXEL)
    assert list(found) == ["point-wise", "passes 0", "passes 1"]
    assert [view.kind for view in found.values()] == ["map", "row", "row"]
    assert [view.own for view in found.values()] == [(2, 4), (2, 4), None]
    np.testing.assert_array_equal(found["point-wise"].weights, joint.gate_maps()["point_wise"].values[0])
    np.testing.assert_allclose(found["passes 0"].weights, joint.rows([PIXEL]).passes[0].values[0].mean(0))
    assert found["passes 0"].caption().endswith("mean of 3 heads")
    assert found["passes 1"].caption() == "sum 12"
    assert list(views(Skip(row()), PIXEL)) == [""]


def view(weights, kind="row", own=(0, 0)):
    return View("", kind, np.asarray(weights, np.float32), (-0.5, 0.5, 0.5, -0.5), own, 1)


def test_one_huge_weight_on_itself_leaves_the_others_readable():
    weights = np.linspace(-1e-4, 1e-4, 1000).reshape(20, 50)
    weights[3, 7] = 40
    scale = Scale.of(view(weights, own=(3, 7)))
    assert (scale.low, scale.colours) == (-scale.high, "RdBu_r")
    assert scale.high == pytest.approx(0.98e-4, rel=1e-2)
    assert scale.extend == "both"  # 1% of the others lie beyond, and the huge one
    assert view(weights, own=(3, 7)).caption() == f"sum 40, itself {40 / (40 + 0.05):.2%}"


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [
        ([[0, 1], [2, 2]], Scale(1, 2)),  # its own zero left out, as any other
        ([[0, 0], [0, 0]], Scale(0, 1)),  # nothing is read
        ([[5, 0], [0, 0]], Scale(0, 5)),  # but itself
        ([[0, 3], [3, 3.02]], Scale(0, 3.02)),  # hardly any difference: one colour
        ([[0, -3], [-3, -3]], Scale(-3, 0, "magma_r")),
        ([[0, -2], [2, 1]], Scale(-2, 2, "RdBu_r")),
        ([[-1, 1], [2, 1]], Scale(1, 2, "magma", "min")),  # only its own is negative, and lies beyond
        ([[0, -1], [-2, -2]], Scale(-2, -1, "magma_r")),
    ],
)
def test_scales(weights, wanted):
    found = Scale.of(view(weights))
    assert found == wanted._replace(low=pytest.approx(wanted.low), high=pytest.approx(wanted.high))


@pytest.mark.parametrize("bright", [0.9, -1e6, 1e6])
def test_one_bright_cell_at_the_border_does_not_blank_a_coarse_map(bright):
    """Of 36 cells the 99th percentile, interpolated, would lie halfway to it."""
    weights = np.linspace(0.1, 0.5, 36).reshape(6, 6)
    weights[0, 5] = bright
    scale = Scale.of(view(weights, kind="map", own=(3, 3)))
    assert (scale.low, scale.high) == pytest.approx((0.1, 0.5), abs=0.03)
    assert scale.colours == "magma"


def test_a_map_keeps_the_pixels_own_weight():
    assert Scale.of(view([[3, 0], [1, 1]], kind="map")).high == pytest.approx(3)
    assert view([[3, 0], [1, -1]], kind="map", own=(1, 1)).caption() == "at the pixel −1"


@pytest.mark.parametrize(
    ("ticks", "told"),
    [
        ((0.0, 0.5, 1.0), ["0", "0.5", "1"]),
        ((-3.14e-5, 0.0, 3.14e-5), ["−3.1e−5", "0", "3.1e−5"]),
        ((0.9974, 0.9986, 0.9998), ["0.9974", "0.9986", "0.9998"]),
        ((-0.0001, 0.0, 0.0001), ["−1e−4", "0", "1e−4"]),
    ],
)
def test_numbers_beside_a_colour_bar_are_short_and_differ(ticks, told):
    assert labels(ticks) == told


def test_the_figure_tells_skip_stride_part_and_pixel(joint):
    figure = draw_pixel(scene(s1=joint, s2=Skip(row())), PIXEL)
    told = "\n".join(written(figure))
    assert "ja9: eye" in told
    assert "image, 48 × 64 pixels\npixel 20, 35" in told
    assert "how it is made" in told
    assert "skip 1, stride 8, 6 × 8 cells\nat the pixel 0." in told
    for heading in ("point-wise: map", "passes 0: what the pixel reads", "passes 1: what the pixel reads"):
        assert heading in told
    panels = [axis for axis in figure.axes if axis.images]
    assert len(panels) == 2 + 4
    for panel in panels:
        (cross,) = panel.lines
        assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (35, 20)
        assert panel.get_xlim() == (-0.5, 63.5)
        assert panel.get_ylim() == (47.5, -0.5)
    shadings = [panel.images[-1] for panel in panels[2:]]
    assert [shading.get_cmap().name for shading in shadings] == ["magma", "RdBu_r", "magma", "RdBu_r"]
    assert shadings[1].get_clim()[0] == -shadings[1].get_clim()[1]
    bars = [axis for axis in figure.axes if not axis.images]
    assert len(bars) == len(panels) - 1  # all but the photograph's


def test_a_small_place_is_enlarged_and_the_photograph_shows_around_it(tmp_path):
    values = np.zeros((1, 1, 6, 8), np.float32)
    values[..., 2, 4] = 1
    figure = draw_pixel(scene(s0=Skip(row(values))), PIXEL)
    panel = figure.axes[3]
    assert "enlarged 4 ×" in [text.get_text() for text in panel.texts]
    left, right = panel.get_xlim()
    bottom, top = panel.get_ylim()
    assert left < 31.5 < 39.5 < right  # the cell
    assert top < 15.5 < 23.5 < bottom
    assert (right - left) / (bottom - top) == pytest.approx(64 / 48)
    assert np.ma.count(panel.images[1].get_array()) == 1
    figure.savefig(tmp_path / "x.png", dpi=30)
    assert (tmp_path / "x.png").stat().st_size > 0


def boxes(figure):
    """Where the texts of the figure and its panels lie."""
    figure.canvas.draw()
    panels = [axis.get_window_extent() for axis in figure.axes if axis.images]
    return panels, [text.get_window_extent() for text in figure.texts], [axis.get_tightbbox() for axis in figure.axes]


@pytest.mark.parametrize("levels", [(1,), (0, 1), (0, 1, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("kind", ["joint", "row"])
def test_nothing_runs_into_a_panel_and_no_corner_is_empty(joint, levels, known, kind):
    tiny = Skip(row(np.random.default_rng(0).normal(size=(1, 8, 6, 8)).astype(np.float32) * -1e-5, heads=8))
    seen = scene(**{f"s{level}": joint if kind == "joint" else tiny for level in levels})
    if known:
        seen = seen._replace(truth=np.ones((48, 64), np.uint8))
    figure = draw_pixel(seen, PIXEL)
    panels, texts, bars = boxes(figure)
    for text in texts:
        assert not any(text.overlaps(panel) for panel in panels)
        assert text.x0 >= 0
        assert text.x1 <= figure.bbox.width
        assert text.y0 >= 0
    for one, other in itertools.combinations(texts, 2):
        assert not one.overlaps(other)
    for bar in bars:
        assert bar.x1 <= figure.bbox.width
        assert sum(bar.overlaps(panel) for panel in panels) <= 1  # itself
    middle = np.array([figure.bbox.width, figure.bbox.height]) / 2
    corners = {(box.x1 > middle[0], box.y1 > middle[1]) for box in (*panels, *texts)}
    assert {(True, True), (False, True)} <= corners
    assert any(box.x1 > middle[0] and box.y0 < middle[1] for box in (*panels, *texts))


@pytest.mark.parametrize("known", [False, True])
def test_nothing_runs_into_a_panel_of_a_comparison(joint, known):
    seen = scene(s1=joint)
    if known:
        seen = seen._replace(truth=np.ones((48, 64), np.uint8))
    figure = draw_comparison(seen, {"ja9\nu = w(x) x + x\ny = S(u) + u": joint, "sa\ny = x": Skip(row())}, PIXEL)
    panels, texts, bars = boxes(figure)
    for one, other in itertools.combinations([*panels, *texts], 2):
        assert not one.overlaps(other)
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0 for box in (*texts, *bars))


def test_the_truth_stands_beside_the_prediction_and_is_told_at_the_pixel():
    truth = np.zeros((48, 64), np.uint8)
    truth[PIXEL] = 1
    seen = scene(s0=Skip(row()))._replace(truth=truth)
    assert "truth\nat the pixel foreground" in written(draw_pixel(seen, PIXEL))
    tint = draw_pixel(seen, PIXEL).axes[1].images[-1].get_array()
    np.testing.assert_array_equal(tint[..., 3] > 0, truth == 1)
    assert "truth\nat the pixel not known" in written(draw_pixel(seen._replace(truth=truth * 255), PIXEL))
    assert not any(text.startswith("truth") for text in written(draw_pixel(seen._replace(truth=None), PIXEL)))


def test_the_parts_are_explained():
    gate = Shown(np.random.default_rng(1).random((1, 6, 8), np.float32), (8.0, 8.0))
    told = " ".join(
        "\n".join(written(draw_pixel(scene(s1=Skip(Joint(row(), row(), row()), {"point_wise": gate})), PIXEL))).split()
    )
    for part in (
        "point-wise: the map w",
        "self: the weights of self-attention S",
        "composed: the weights of the whole",
    ):
        assert part in told
    assert "passes:" not in told
    assert "from percentile 1 to percentile 99" in told


def test_coarse_cells_lie_under_the_outline_of_the_photograph():
    bright = np.zeros((48, 64, 3), np.uint8)
    bright[12:36, 16:48] = 200
    fine = row(np.random.default_rng(0).normal(size=(1, 1, 48, 64)).astype(np.float32), cell=(1.0, 1.0))
    for weights, lines in ((row(), 2), (fine, 0)):
        panel = draw_pixel(scene(s0=Skip(weights))._replace(image=bright), PIXEL).axes[3]
        assert len(panel.collections) == lines
        told = "\n".join(written(panel.figure)).replace("\n", " ")
        assert ("white line" in told) == bool(lines)
    panel = draw_pixel(scene(s0=Skip(row()))._replace(image=bright), PIXEL).axes[3]
    (path,) = panel.collections[0].get_paths()
    found = path.get_extents()
    assert (found.x0, found.x1, found.y0, found.y1) == pytest.approx((15.5, 47.5, 11.5, 35.5), abs=0.6)


def test_an_oblong_image_is_said_to_be_stretched():
    seen = scene(s0=Skip(row()))
    flat = seen._replace(image=seen.image[:3], probability=seen.probability[:3])
    told = written(draw_pixel(flat, (1, 35)))
    assert "image, 3 × 64 pixels, stretched\npixel 1, 35" in told
    assert not any("white line" in text for text in told)  # three rows have no outline
    assert draw_pixel(flat, (1, 35)).axes[0].images[0].get_interpolation() == "nearest"


def test_a_comparison_has_a_row_a_label(joint):
    figure = draw_comparison(scene(s1=joint), {"first\ny = x": joint, "second\ny = 2 x": Skip(row())}, PIXEL)
    told = written(figure)
    assert {"first", "y = x", "second", "y = 2 x", "point-wise: map"} <= set(told)
    assert len([axis for axis in figure.axes if axis.images]) == 2 + 3 + 1


def test_a_figure_that_is_given_is_cleared_and_drawn_on(joint):
    first = draw_pixel(scene(s1=joint), PIXEL)
    axes = len(first.axes)
    assert draw_pixel(scene(s1=joint), (1, 1), first) is first
    assert len(first.axes) == axes


def test_a_click_in_a_panel_chooses_the_pixel():
    figure = Figure()
    follow_clicks(scene(s1=Skip(row())), PIXEL, figure)

    def click(axis, x, y):
        at = axis.transData.transform((x, y))
        MouseEvent("button_press_event", figure.canvas, *at, button=1)._process()
        return [text for text in written(figure) if text.startswith("image")]

    assert click(figure.axes[3], 63.4, 2.2) == ["image, 48 × 64 pixels\npixel 2, 63"]
    assert click(figure.axes[2], 0.5, 0.5) == ["image, 48 × 64 pixels\npixel 2, 63"]  # a colour bar
    assert click(figure.axes[0], -0.4, 47.3) == ["image, 48 × 64 pixels\npixel 47, 0"]


def test_sliders_choose_the_pixel():
    pytest.importorskip("ipywidgets")
    box = sliders(scene(s1=Skip(row())), PIXEL)
    down, across, picture = box.children
    assert (down.value, down.max, across.value, across.max) == (20, 47, 35, 63)
    before = picture.value
    across.value = 1
    assert before[:4] == picture.value[:4] == b"\x89PNG"
    assert before != picture.value


def test_a_pixel_off_the_image_is_told(joint):
    with pytest.raises(ValueError, match="off the image"):
        draw_pixel(scene(s1=joint), (48, 0))
