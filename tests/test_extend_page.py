"""The examples of docs/extend.md: each is a file, is known by name once it is imported, and does what it says."""

import contextlib
import importlib
import re
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from documents import Document, init
from PIL import Image

from jaxseg import attention, data, losses, metrics, models
from jaxseg.config import defaults, plain, validate

PAGE = Document("docs/extend.md")


TABLES = (attention.MECHANISMS, models.MODELS, losses.LOSSES, metrics.METRICS, data.DATASETS)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Import every example from a file that its first line names; afterwards the tables are as before."""
    folder, names = tmp_path_factory.mktemp("extend"), []
    with contextlib.ExitStack() as stack:
        for table in TABLES:
            stack.enter_context(mock.patch.dict(table))
        stack.enter_context(pytest.MonkeyPatch.context()).syspath_prepend(folder)
        for block in PAGE.blocks("python"):
            names.append(re.match(r'"""(\w+)\.py: ', block)[1])
            (folder / f"{names[-1]}.py").write_text(block)
            importlib.import_module(names[-1])
        yield names


def test_there_is_one_of_each_kind(files):
    assert files == ["alike", "shallow", "jaccard", "informedness", "phantoms"]
    headings = [heading for heading in PAGE.headings() if heading.startswith("A ")]
    assert headings == ["A mechanism", "A network", "A loss", "A metric", "A data set"]
    assert not PAGE.missing()


def test_tables_stand_where_the_page_says():
    for row in PAGE.tables():
        name, path = re.match(r"`(\w+)` in `([\w/.]+)`", row["table"]).groups()
        module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        assert isinstance(getattr(module, name), dict)


def test_a_config_takes_all_of_them_by_name(files):
    config = defaults()
    config.model.update(name="shallow", attention="alike")
    with config.unlocked():
        config.model.options = {"width": 4}
        config.model.attention_options = {"bandwidth": 2.0}
        config.loss.options = {"smoothing": 1.0}
    config.loss.name = "jaccard"
    config.eval.select = "informedness"
    config.data.name, config.data.dir = "phantoms", "somewhere"
    network = validate(config)
    assert network.attention == "alike"


def test_the_mechanism_is_the_mean_that_its_formula_says(files, monkeypatch):
    x = np.random.default_rng(0).normal(size=(1, 5, 6, 3)).astype(np.float32)
    module = attention.build("alike", bandwidth=0.7)
    points = x.reshape(30, 3).astype(np.float64)
    score = -((points[:, None] - points[None]) ** 2).sum(-1) / (2 * 0.7)
    weights = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    found = module.apply({}, jnp.asarray(x), train=False)
    np.testing.assert_allclose(found, x + (weights @ points).reshape(x.shape), atol=1e-5)
    rows = attention.rows(module, {}, jnp.asarray(x[0]), [(2, 3)])
    np.testing.assert_allclose(np.ravel(rows), weights[2 * 6 + 3], atol=1e-6)
    assert attention.lowering(module.apply({}, jnp.asarray(x), train=False, method="form")).name == "streamed"


def test_the_network_gives_logits_of_any_size(files, monkeypatch):
    monkeypatch.setattr(nn.Module, "init", init)
    network = models.build("shallow", width=4, attention="alike", num_classes=3)
    image = jnp.ones((1, 9, 13, 3))
    variables = network.init(jax.random.key(0), image, train=False)
    assert network.apply(variables, image, train=False).shape == (1, 9, 13, 3)


def test_the_loss_is_one_minus_intersection_over_union(files):
    rng = np.random.default_rng(0)
    logits = 50.0 * jax.nn.one_hot(rng.integers(0, 2, (2, 6, 7)), 2)
    labels, valid = rng.integers(0, 2, (2, 6, 7)), rng.random((2, 6, 7)) < 0.7
    predicted, real = np.asarray(logits).argmax(-1)[valid] == 1, labels[valid] == 1
    wanted = 1 - (predicted & real).sum() / (predicted | real).sum()
    found = losses.build("jaccard")(logits, jnp.asarray(labels), jnp.asarray(valid))
    assert float(found) == pytest.approx(wanted, abs=1e-5)


def test_the_metric_stands_in_rows_and_summary(files):
    tally = metrics.Tally()
    truth = np.array([[True, False], [True, False]])
    tally.add("a", np.array([[0.9, 0.9], [0.1, 0.1]], np.float32), truth)
    tally.add("b", np.array([[0.9, 0.1], [0.9, 0.1]], np.float32), np.zeros((2, 2), bool))
    assert [row["informedness"] for row in tally.rows] == [0.0, None]
    assert tally.summary()["full"]["undefined"]["informedness"] == 1


def test_the_data_set_is_read_split_by_patient_and_checked(files, tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("scans", "truth"):
        (tmp_path / folder).mkdir()
    for k in range(6):
        name = f"p{k // 2}_{k}"
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(tmp_path / "scans" / f"{name}.png")
        mask = rng.integers(0, 2, (20, 24), np.uint8) * 255
        Image.fromarray(mask).save(tmp_path / "truth" / f"{name}_mask.png")
    config = defaults()
    config.data.update(name="phantoms", dir=str(tmp_path), cache_dir=str(tmp_path / "cache"), holdout=2)
    splits = data.load(plain(config.data))
    assert len({name[:2] for name in splits.val.ids}) == 1
    assert {name[:2] for name in splits.train.ids}.isdisjoint({name[:2] for name in splits.val.ids})
    (tmp_path / "truth" / "p0_0_mask.png").unlink()
    with pytest.raises(FileNotFoundError, match="p0_0.png: has no mask"):
        data.load(plain(config.data))
