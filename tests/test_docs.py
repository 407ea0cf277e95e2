"""What docs/attention.md shows is true: its tables, its Python, its pictures."""

import re
from functools import partial
from types import SimpleNamespace
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from documents import ROOT, Document, init

from jaxseg import attention, inference, models
from jaxseg.attention import lowerings, norms, scores, supports
from jaxseg.attention.lowerings.table import value_shape
from jaxseg.attention.mechanisms import joint
from jaxseg.data import images
from jaxseg.layers import Numerics

PAGE = Document("docs/attention.md")
ROWS = {row["name"].strip("`"): row for row in PAGE.tables() if "name" in row}
NAMES = list(attention.MECHANISMS)  # the page itself adds one


@pytest.fixture(scope="module")
def shown():
    """Return the names that the page's Python leaves behind; its run folder is a single skip."""
    names: dict = {}

    def load(workdir):
        module, x = attention.build("ja9", inner=8), names["x"]
        variables = module.init(jax.random.key(0), x, train=False)
        skip = models.Skip(module, variables, x, None, x, stride=2, size=(48, 49), shown=(48, 49))
        return SimpleNamespace(skips=lambda image: {0: skip})

    with pytest.MonkeyPatch.context() as patch, mock.patch.dict(attention.MECHANISMS):
        patch.setattr(nn.Module, "init", init)
        patch.setattr(inference, "load", load)
        patch.setattr(images, "read_image", lambda path: None)
        for block in PAGE.blocks("python"):
            exec(block, names)
        yield names


@pytest.fixture
def docs(monkeypatch):
    """Let the scripts of docs/ be imported."""
    monkeypatch.syspath_prepend(ROOT / "docs")


def test_every_mechanism_and_every_lowering_has_its_row():
    assert sorted(row["name"].strip("`") for row in PAGE.tables() if "name" in row) == sorted(NAMES)
    listed = [row["lowering"] for row in PAGE.tables() if "takes" in row]
    assert sorted(listed) == sorted(row.name for row in lowerings.TABLE)


def test_levels_are_those_of_the_docstrings():
    for name, row in ROWS.items():
        told = re.search(r"Level ([SNC])", attention.MECHANISMS[name].__doc__)
        if told:
            assert row["level"][0] == told[1], name


def test_lowerings_and_operations_are_those_of_the_table():
    x = jax.ShapeDtypeStruct((1, 24, 25, 64), jnp.float32)
    for name in set(NAMES) - {structure.__name__ for structure in joint.STRUCTURES}:
        jax.eval_shape(partial(check_row, name), x)


def check_row(name, x):
    form, _ = attention.build(name).init_with_output(jax.random.key(0), x, train=False, method="form")
    form = getattr(form, "forms", [form])[0]
    row = attention.lowering(form)
    assert ROWS[name]["lowering"] == row.name, name
    (formula,) = re.findall(r"`(.*)`", ROWS[name]["operations"])
    assert counted(formula, form, channels=64) == pytest.approx(row.macs(form), rel=0.1), name


def counted(formula, form, channels):
    """Return what a formula of the table is for a form."""
    sizes = {"N": np.prod(form.support.queries), "K": form.support.slots, "M": form.heads, "C": channels}
    sizes["d"] = value_shape(form)[1]
    q = jax.tree.leaves([getattr(form.score, side, ()) for side in "qk"])
    sizes["c"] = q[0].shape[-1] if q else 0
    return eval(multiplied(formula.replace("²", " ** 2"), "*"), {name: int(size) for name, size in sizes.items()})


def multiplied(formula, sign):
    """Return a formula with its products written out."""
    return re.sub(r"(?<=[\w)]) (?=[\w(])", f" {sign} ", formula)


def test_joint_structures_are_those_of_the_code():
    rng, (n, channels) = np.random.default_rng(0), (6, 2)
    grid, x = (2, 3), jnp.asarray(rng.normal(size=(1, n, channels)), jnp.float32)
    w, a = (jnp.asarray(rng.normal(size=size), jnp.float32) for size in ((1, n, 1, 1), (1, n, 1, n)))
    gate = attention.Form(supports.Itself(grid), scores.Taps(w), norms.plain, x[:, :, None])
    read = attention.Form(supports.Everywhere(grid, grid), scores.Taps(a), norms.plain, x[:, :, None])
    matrices = {"w": np.diag(w[0, :, 0, 0]), "A": np.asarray(a[0, :, 0]), "I": np.eye(n)}
    composed = jax.jit(
        lambda i: [joint.Chain(gate, read, x, structure).rows(i).composed for structure in joint.STRUCTURES]
    )
    for structure, rows in zip(joint.STRUCTURES, composed(jnp.arange(n)), strict=True):
        row = ROWS[structure.__name__]
        formula = structure.__doc__.split(":  ")[1].split(".")[0].replace(";  ", "; ").replace("y = ", "")
        assert row["y"] == formula
        wanted = eval(multiplied(row["weights of the composition"], "@").replace("1", "I"), matrices)
        np.testing.assert_allclose(rows.reshape(n, n), wanted, atol=1e-5)


def test_the_new_mechanism_is_one(shown):
    module, rng = attention.build("aperture"), np.random.default_rng(0)
    x, valid = rng.normal(size=(2, 5, 7, 6)), rng.random((2, 5, 7)) < 0.7

    @jax.jit
    def look(variables, x):
        form = module.apply(variables, x, valid=valid, method="form")
        assert attention.lowering(form).name == "streamed"
        dot, near = form.score.terms
        computed = scores.Sum((dot, shown["Distance"](-near.q[..., 0], near.grid)))  # the second one of the page
        return form.dense(), attention.aggregate(form), form.replace(score=computed).rows(jnp.arange(3))

    with jax.enable_x64(True):
        variables = jax.tree.map(np.float64, module.init(jax.random.key(0), x, train=False))
        truth, fast, rows = look(variables, x)
        np.testing.assert_allclose(fast.reshape(truth.out.shape), truth.out, atol=1e-12)
        np.testing.assert_allclose(rows.reshape(2, 3, 35), truth.weights[:, 0, :3], atol=1e-12)
        np.testing.assert_allclose(truth.weights.sum(-1), 1, atol=1e-12)
        assert not np.moveaxis(truth.weights[:, 0], 2, 1)[~valid.reshape(2, -1)].any()
    assert attention.cost(module, (1, 32, 32, 8)).parts["streamed"].naive is not None
    # What the page calls ten lines.
    (block,) = [block for block in PAGE.blocks("python") if "class Aperture" in block]
    body = block.split("gate=None):\n")[1].split("\n\n")[0]
    assert len(body.splitlines()) <= 10


def test_the_new_mechanism_works_by_name_in_a_network(shown):
    network = models.build("denseunet", size="micro", attention="aperture", dtype="bfloat16")
    assert network.clone(numerics=Numerics(jnp.dtype("float32"))) == shown["network"]
    x = jax.ShapeDtypeStruct((1, 40, 64, 3), jnp.float32)
    logits, _ = jax.eval_shape(partial(network.init_with_output, jax.random.key(0), train=False), x)
    assert (logits.shape, logits.dtype) == ((1, 40, 64, 2), jnp.float32)


def test_shapes_are_as_the_comments_say(shown):
    assert shown["logits"].shape == (2, 24, 25, 2)
    assert shown["small"].weights.shape == (1, 30, 30)
    assert shown["small"].values.shape == (30, 1, 16)
    assert shown["small"].out.shape == (30, 16)
    assert shown["maps"][""].shape == (1, 24, 25)
    assert shown["near"].shape == (1, 1, 24, 25)
    assert shown["first"].shape == shown["rows"].composed.shape == (1, 1, 24, 25)
    assert not np.delete(np.delete(shown["first"][0, 0], 12, 0), 7, 1).any()
    assert shown["seen"].composed.values.shape == (1, 1, 24, 25)
    assert shown["y"].shape == shown["x"].shape
    assert isinstance(shown["other"], models.Skip)


def test_every_file_and_heading_that_it_names_exists():
    assert not PAGE.missing()


@pytest.mark.usefixtures("docs")
def test_every_mechanism_is_drawn():
    from pictured import rows, supports

    drawn = {name for label in rows.LEARNT for name in label.split(", ")}
    assert set(supports.NAMES) < drawn
    for picture in ("supports.png", "rows.png"):
        assert (ROOT / "docs" / picture).stat().st_size < 300_000


@pytest.mark.usefixtures("docs")
def test_supports_are_drawn_from_the_declarations():
    from pictured import supports

    ((part, read),) = supports.supports("criss_cross", {})
    row, column = supports.QUERY
    assert (part, read.kind) == ("", "Cross")
    assert read.omega[row].all()
    assert read.omega[:, column].all()
    assert read.omega.sum() == 2 * 18 - 1
    assert not read.context.any()


@pytest.mark.slow
@pytest.mark.usefixtures("docs")
def test_the_pictures_can_be_drawn_again(tmp_path):
    import pictures

    with mock.patch.dict(attention.MECHANISMS):
        pictures.main(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"supports.png", "rows.png"}
