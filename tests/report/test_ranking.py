import dataclasses

from jaxseg.report.ranking import draw_ranking


def test_the_dots_rise_from_the_worst_to_the_best_image(evaluation, tmp_path, drawn):
    draw_ranking(evaluation, tmp_path / "ranking.png", select="dice", title="val: Dice image by image")
    (axis,) = drawn["ranking.png"].axes
    order = [row["id"] for row in evaluation.ranked("dice", "full")]
    assert [label.get_text() for label in axis.get_xticklabels()] == order
    full, fov = (line for line in axis.lines if line.get_marker() == "o")
    dice = full.get_ydata().tolist()
    assert dice == sorted(row["dice"] for row in evaluation.rows if row["region"] == "full")
    assert [order[place] for place in fov.get_xdata()] == [name for name in order if name in ("eye0", "eye1")]
    mean = evaluation.summary["full"]["image_mean"]["dice"]
    assert full.get_label() == f"full image, mean {mean:.4f}"
    assert sum(line.get_linestyle() == ":" for line in axis.lines) == 2  # observer 2, in each region


def test_many_images_are_not_named_one_by_one(evaluation, tmp_path, drawn):
    rows = [row | {"id": f"{row['id']}_{copy}"} for copy in range(20) for row in evaluation.rows]
    draw_ranking(dataclasses.replace(evaluation, rows=rows), tmp_path / "ranking.png", select="dice", title="")
    (axis,) = drawn["ranking.png"].axes
    assert not any("eye" in label.get_text() for label in axis.get_xticklabels())
    assert axis.get_xlabel() == "100 images, from the worst to the best"


def test_another_metric_orders_and_names_the_dots(evaluation, tmp_path, drawn):
    rows = [row | ({"auc": None} if row["id"] == "eye1" else {}) for row in evaluation.rows]
    rows = [row | ({"auc": 0.1} if row["id"] == "eye0" else {}) for row in rows]  # the best by Dice
    draw_ranking(dataclasses.replace(evaluation, rows=rows), tmp_path / "ranking.png", select="auc", title="")
    (axis,) = drawn["ranking.png"].axes
    full, fov = (line for line in axis.lines if line.get_marker() == "o")
    assert full.get_ydata().tolist() == sorted(row["auc"] for row in rows if row["region"] == "full" and row["auc"])
    assert (full.get_ydata()[0], fov.get_xdata().tolist()) == (0.1, [0])  # an undefined score has no dot
    mean = evaluation.summary["full"]["image_mean"]["auc"]
    assert full.get_label() == f"full image, mean {mean:.4f}"
    assert axis.get_ylabel() == "AUC of one image"
    assert not any(line.get_linestyle() == ":" for line in axis.lines)  # the second observer has no AUC


def test_names_are_shown_as_they_are(evaluation, tmp_path, drawn):
    """A dollar begins no formula: matplotlib would end in an error, or draw it in italics."""
    names = {row["id"]: f"{row['id']} $x$ \\frac$" for row in evaluation.rows}
    named = dataclasses.replace(evaluation, rows=[row | {"id": names[row["id"]]} for row in evaluation.rows])
    draw_ranking(named, tmp_path / "ranking.png", select="dice", title="test: $\\foo$ of a$b")
    shown = [label.get_text() for label in drawn["ranking.png"].axes[0].get_xticklabels()]
    assert sorted(shown) == sorted(names.values())


def test_one_image_has_an_axis_that_makes_nothing_of_nothing(evaluation, tmp_path, drawn):
    one = dataclasses.replace(evaluation, rows=[row for row in evaluation.rows if row["id"] == "eye0"])
    draw_ranking(one, tmp_path / "ranking.png", select="dice", title="")
    (axis,) = drawn["ranking.png"].axes
    low, high = axis.get_ylim()
    assert high - low >= 0.1
    assert axis.get_xlim() == (-0.6, 0.6)
    assert axis.get_xlabel() == "1 image"


def test_the_dots_of_many_images_are_small(evaluation, tmp_path, drawn):
    rows = [row | {"id": f"{row['id']}_{copy}"} for copy in range(30) for row in evaluation.rows]
    sizes = {}
    for name, some in (("few", evaluation.rows), ("many", rows)):
        draw_ranking(dataclasses.replace(evaluation, rows=some), tmp_path / f"{name}.png", select="dice", title="")
        sizes[name] = next(line.get_markersize() for line in drawn[f"{name}.png"].axes[0].lines)
    assert sizes["many"] < sizes["few"]
