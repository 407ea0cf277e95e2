import numpy as np

from jaxseg.report import learning_curves as curves
from jaxseg.runs.log import read_metrics


def _line(axis, label):
    (line,) = [line for line in axis.lines if line.get_label() == label]
    return line


def test_both_panels_show_the_figures_of_the_log(metrics_rows, tmp_path, drawn):
    curves.draw_curves(metrics_rows, tmp_path / "curves.png", select="dice")
    loss, scores = drawn["curves.png"].axes
    np.testing.assert_array_equal(_line(loss, "loss, as logged").get_xdata(), [50, 100, 150, 200, 250, 300])
    np.testing.assert_allclose(_line(loss, "loss, as logged").get_ydata()[:2], [1.0, 0.5])
    np.testing.assert_allclose(_line(scores, "Dice, full image").get_xydata(), [(100, 0.5), (200, 0.8), (300, 0.7)])
    assert scores.get_title(loc="right") == "★ best Dice 0.8000 at step 200"
    assert (loss.get_ylabel(), scores.get_ylabel()) == ("cross entropy per pixel", "score, mean over images")
    assert loss.get_xlabel() == scores.get_xlabel() == "training step"
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_the_metric_that_selects_is_drawn_and_its_best_step_marked(metrics_rows, tmp_path, drawn):
    rows = [*metrics_rows, {"step": 100, "val/fov/image_mean/recall": 0.9}]
    curves.draw_curves(rows, tmp_path / "curves.png", select="recall")
    scores = drawn["curves.png"].axes[1]
    assert [line.get_label() for line in scores.lines[:-1]] == ["Recall, full image", "Recall, field of view"]
    np.testing.assert_allclose(_line(scores, "Recall, full image").get_ydata(), [0.4, 0.7, 0.6])
    np.testing.assert_allclose(_line(scores, "Recall, field of view").get_xydata(), [(100, 0.9)])
    np.testing.assert_allclose(scores.lines[-1].get_xydata(), [(200, 0.7)])
    assert scores.get_title(loc="right") == "★ best Recall 0.7000 at step 200"


def test_a_run_without_val_has_one_panel_and_a_changing_rate_its_own(metrics_rows, tmp_path, drawn):
    rows = [row | {"train/learning_rate": 1e-3 * row["step"]} for row in metrics_rows if "train/loss" in row]
    curves.draw_curves(rows, tmp_path / "curves.png", select="dice")
    loss, rate = drawn["curves.png"].axes
    assert (loss.get_xlabel(), rate.get_xlabel()) == ("", "training step")
    np.testing.assert_allclose(rate.lines[0].get_ydata(), [1e-3 * row["step"] for row in rows])


def test_a_run_that_logged_nothing_yet_draws(tmp_path, drawn):
    curves.draw_curves([{"step": 5, "val/full/image_mean/dice": 0.3}], tmp_path / "curves.png", select="dice")
    loss, _ = drawn["curves.png"].axes
    assert [text.get_text() for text in loss.texts] == ["no loss is logged yet"]


def test_few_values_are_marked_and_not_smoothed(metrics_rows, tmp_path, drawn):
    long = [{"step": step, "train/loss": 50 / step} for step in range(1, 101)]
    for name, rows, labels in (
        ("few", metrics_rows, ["loss, as logged"]),
        ("many", long, ["loss, as logged", "loss, mean over a twentieth of the run"]),
    ):
        curves.draw_curves(rows, tmp_path / f"{name}.png", select="dice")
        lines = drawn[f"{name}.png"].axes[0].lines
        assert [line.get_label() for line in lines] == labels
        assert (lines[0].get_marker() == "o") == (name == "few")
    recall = _line(drawn["few.png"].axes[1], "recall, full image")
    assert recall.get_marker() == "o"


def test_one_step_and_hardly_different_scores_have_wide_axes(tmp_path, drawn):
    rows = [{"step": step, "train/loss": 0.25 + step / 1e6} for step in (10, 20)]
    rows += [{"step": step, "val/full/image_mean/dice": 0.8 + step / 1e6} for step in (10, 20)]
    for some in (rows, rows[::2]):
        curves.draw_curves(some, tmp_path / "curves.png", select="dice")
        loss, scores = drawn["curves.png"].axes
        low, high = loss.get_ylim()
        assert high / low >= 1.25 - 1e-9
        low, high = scores.get_ylim()
        assert high - low >= 0.1
        assert loss.get_xlim() == scores.get_xlim()
        assert all(float(tick).is_integer() for tick in scores.get_xticks())


def test_the_legend_of_the_scores_lies_beside_the_curves(metrics_rows, tmp_path, drawn):
    curves.draw_curves(metrics_rows, tmp_path / "curves.png", select="dice")
    scores = drawn["curves.png"].axes[1]
    assert not scores.get_legend().get_window_extent().overlaps(scores.get_window_extent())


def test_the_running_mean_keeps_constants_and_averages_noise():
    np.testing.assert_allclose(curves._smooth(np.full(200, 0.3)), 0.3)
    noise = np.random.default_rng(0).normal(size=400)
    assert curves._smooth(noise).std() < noise.std() / 3
    assert curves._smooth(np.array([])).size == 0


def test_the_log_is_read_where_there_is_one(tmp_path):
    assert read_metrics(tmp_path) == []
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 1, "train/loss": 0.5}\n{"step": 2, "val/full/pooled/dice": null}\n'
    )
    rows = read_metrics(tmp_path)
    assert [row["step"] for row in rows] == [1, 2]
    assert curves.series(rows, "val/full/pooled/dice")[0].size == 0


def test_of_equal_scores_the_newest_is_marked_as_it_is_the_checkpoint(metrics_rows, tmp_path, drawn):
    rows = [
        row | ({"val/full/image_mean/dice": 0.5} if "val/full/image_mean/dice" in row else {}) for row in metrics_rows
    ]
    curves.draw_curves(rows, tmp_path / "curves.png", select="dice")
    assert drawn["curves.png"].axes[1].get_title(loc="right") == "★ best Dice 0.5000 at step 300"
