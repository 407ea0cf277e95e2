import jax
import jax.numpy as jnp
import pytest
from drawing import KINDS, draw

from jaxseg.attention import aggregate, build, cost, lowering
from jaxseg.attention.costs import alone

# One kind of form for each lowering.
DRAWN = {draw(kind, (2, 2), batch=1).lowering: kind for kind in KINDS}


@pytest.mark.parametrize("kind", DRAWN.values(), ids=DRAWN)
def test_a_lowering_takes_the_multiply_adds_of_its_row(kind):
    """Of the rows, only those that the drawn form's few channels leave room for: masks, exponentials, additions."""
    form = jax.tree.map(jnp.asarray, draw(kind, (9, 10), masked=False).form)
    assert 1 <= alone(aggregate, form, backward=False).flops / (2 * form.batch * lowering(form).macs(form)) < 4


def test_self_attention_by_hand():
    n, c = 64 * 64, 32 // 2
    found = cost(build("sa"), (1, 64, 64, 32))
    assert list(found.parts) == ["moments", "output", "sa"]
    # sum_j x_j x_j^T and its map, about the mean of x; theta, phi and g are not made.
    assert found.parts["moments"].flops == pytest.approx(2 * n * 32 * (32 + c) + 5 * n * 32, rel=0.03)
    assert found.parts["sa"].flops == n * 32  # the shortcut
    naive = found.parts["moments"].naive
    assert naive is not None
    assert naive.flops == pytest.approx(2 * 2 * n * n * c, rel=0.05)
    assert naive.peak_bytes > 4 * n * n > 50 * found.peak_bytes


def test_the_parts_add_up():
    found = cost(build("ja9", width=8), (2, 9, 7, 6), backward=True)
    assert found.flops == sum(part.flops for part in found.parts.values())
    assert found.bytes_moved == sum(part.bytes_moved for part in found.parts.values())
    assert found.peak_bytes == max(part.peak_bytes for part in found.parts.values())
    assert {"self_attention/moments", "self_attention/output", "point_wise/factors", "ja9"} <= set(found.parts)


@pytest.mark.parametrize("backward", [False, True])
def test_the_papers_self_attention_grows_with_the_number_of_positions(backward):
    module = build("sa")
    small, large = (cost(module, (1, side, side, 16), backward=backward) for side in (32, 64))
    for what in ("flops", "bytes_moved", "peak_bytes"):
        assert getattr(large, what) / getattr(small, what) == pytest.approx(4, rel=0.05)


def test_streamed_attention_holds_no_weights():
    module = build("nonlocal_embedded")
    forward, training = (cost(module, (1, 64, 64, 16), backward=backward) for backward in (False, True))
    assert forward.peak_bytes < 4 * 64**4 / 20
    assert training.peak_bytes < 4 * 64**4 / 10
    naive = training.parts["streamed"].naive
    assert naive is not None
    assert naive.peak_bytes > 2 * 4 * 64**4
    assert 3 < training.flops / forward.flops < 5  # the tiles are made again


def test_a_convolution_and_a_gate():
    found = cost(build("conv3x3"), (2, 8, 6, 5))
    assert found.parts["convolution"].flops == 2 * 2 * 48 * 9 * 5 * 5
    found = cost(build("attention_gate"), (1, 8, 8, 4), gate=(1, 8, 8, 6))
    assert "product" in found.parts


def test_the_table():
    table = str(cost(build("nonlocal_embedded"), (1, 8, 8, 4)))
    assert [line.split("  ")[0] or line.split()[0] for line in table.splitlines()][:2] == ["operations", "total"]
    for word in ("operations", "bytes moved", "peak bytes", "streamed", "naive, alone", "KiB"):
        assert word in table


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 0, 4)])
def test_a_shape_that_is_none(shape):
    with pytest.raises(ValueError, match=r"shape is \(.*; give numbers above 0, \(batch, \*spatial, channels\)"):
        cost(build("sa"), shape)
