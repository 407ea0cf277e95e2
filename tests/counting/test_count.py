"""Counts against hand counts, and against XLA's own of the compiled program."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax import lax

from jaxseg import counting
from jaxseg.counting import primitives, text
from jaxseg.layers import conv


def shape(*sides):
    return jax.ShapeDtypeStruct(sides, jnp.float32)


def test_a_product():
    found = counting.count(jnp.matmul, shape(4, 8), shape(8, 3))
    numbers = 4 * 8 + 8 * 3 + 4 * 3
    assert (found.flops, found.moved, found.peak) == (2 * 4 * 8 * 3, 4 * numbers, 4 * numbers)
    assert (found.given, found.returned, found.temporary) == (4 * (4 * 8 + 8 * 3), 4 * 4 * 3, 0)


@pytest.fixture
def gpu(monkeypatch):
    """Count as where the default backend is a GPU."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")


def test_elementwise_operations_are_fused_into_what_reads_them(gpu):
    def function(a, b):
        jnp.sin(a @ a.T)  # nothing reads it
        return nn.relu(a @ b.T + 1).sum(0)  # the product is stored; plus, relu and sum are one more step

    found = counting.count(function, shape(4, 3), shape(5, 3))
    assert found.flops == 2 * 4 * 3 * 5 + 20 + 20 + 20
    transposed, product, total = 2 * 15, 12 + 15 + 20, 20 + 5
    assert found.moved == 4 * (transposed + product + total)


def test_on_a_cpu_a_reduction_takes_a_product_along_and_nothing_else():
    """Its kernels for sums read memory; the sums of a GPU read what is computed on the way."""

    def moved(function, *arguments):
        return counting.count(function, *arguments).moved / 4

    x = shape(8, 8)
    assert moved(lambda x: (x * x).sum(0), x) == 64 + 8
    assert moved(lambda x, y: (x * y).sum(0), x, x) == 2 * 64 + 8
    assert moved(lambda x: (x + 1).sum(0), x) == (64 + 64) + (64 + 8)
    assert moved(lambda x: jnp.square(x - 1).sum(0), x) == (64 + 64) + (64 + 8)


def test_on_a_cpu_bfloat16_takes_the_memory_of_float32(monkeypatch):
    x = jax.ShapeDtypeStruct((8, 8), jnp.bfloat16)
    given, made = 2 * 64, 4 * 64  # bytes
    assert counting.count(lambda x: x @ x @ x, x).peak == given + 2 * made
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert counting.count(lambda x: x @ x @ x, x).peak == given + 2 * given


def test_what_is_dear_and_read_twice_is_stored(gpu):
    once = counting.count(lambda x: jnp.exp(x).sum(0), shape(8, 8))
    assert once.moved == 4 * (64 + 8)
    twice = counting.count(lambda x: (y := jnp.exp(x)) / y.sum(0), shape(8, 8))
    assert twice.moved == 4 * (64 + 64) + 4 * (64 + 8) + 4 * (64 + 8 + 64)
    assert twice.flops == 3 * 64


@pytest.mark.parametrize("strides", [1, 2])
def test_a_convolution_and_its_gradients_take_as_much_each(strides):
    x, kernel = shape(2, 8, 8, 3), shape(3, 3, 3, 5)
    once = 2 * 2 * (8 // strides) ** 2 * 5 * 9 * 3
    assert counting.count(lambda x, k: conv(x, k, strides=strides), x, kernel).flops == once
    both = counting.with_gradients(lambda x, k: (conv(x, k, strides=strides), None))
    assert once * 3 <= counting.count(both, x, kernel).flops < once * 3.1


def test_a_loop_counts_as_often_as_it_runs_and_holds_one_turn():
    def looped(x, w):
        return lax.scan(lambda carry, row: (jnp.tanh(carry @ w + row), None), x[0], x)[0]

    short, long = (counting.count(looped, shape(length, 4, 6), shape(6, 6)) for length in (3, 30))
    assert short.flops == 3 * (2 * 4 * 6 * 6 + 2 * 24)
    assert long.flops == 10 * short.flops
    assert long.peak - long.given == short.peak - short.given


def test_a_branch_is_the_dearest_and_that_of_the_platform_where_it_depends_on_one():
    def branched(x, i):
        return lax.cond(i > 0, jnp.sin, lambda x: x @ x, x)

    assert counting.count(branched, shape(5, 5), shape()).flops == 2 * 5**3 + 1

    def by_platform(x):
        return lax.platform_dependent(x, cpu=jnp.sin, cuda=lambda x: x @ x, default=lambda x: x @ x @ x)

    assert counting.count(by_platform, shape(5, 5)).flops == 25


def test_a_loop_of_unknown_length_is_refused_unless_its_turns_are_told():
    def looped(x, count):
        return lax.fori_loop(0, count, lambda _, x: x @ x, x)

    arguments = shape(5, 5), jax.ShapeDtypeStruct((), jnp.int32)
    with pytest.raises(ValueError, match=r"'while' does not say what it costs .* jax\.lax\.scan"):
        counting.count(looped, *arguments)
    once, often = (counting.count(looped, *arguments, turns=turns) for turns in (1, 7))
    assert often.products == 7 * once.products == 7 * 5**3
    assert often.flops == 7 * once.flops == 7 * (2 * 5**3 + 1)  # the product, and the number of the turn
    assert often.peak == once.peak


def test_of_a_function_mapped_over_devices_what_one_does():
    def step(state, x):
        return state + lax.psum(x @ x.T, "devices"), x.sum()

    mapped = jax.pmap(step, axis_name="devices", devices=jax.devices()[:1], donate_argnums=0)
    found = counting.count(mapped, shape(1, 50, 50), shape(1, 50, 3))
    kept = counting.count(
        jax.pmap(step, axis_name="devices", devices=jax.devices()[:1]), shape(1, 50, 50), shape(1, 50, 3)
    )
    square, x = 4 * 50 * 50, 4 * 50 * 3
    assert found.given == kept.given == square + x
    assert found.flops >= 2 * 50 * 50 * 3 + 50 * 50 * 2
    # The product and the sum over devices; then the new state, which takes the place of the old one if it may.
    assert found.peak == pytest.approx(found.given + 2 * square, rel=0.1)
    assert kept.steps[-1].alive - found.steps[-1].alive == pytest.approx(square, rel=0.1)


def test_what_the_forward_pass_keeps():
    def network(w, v, x):
        with jax.named_scope("first"):
            h = jnp.tanh(x @ w)
        with jax.named_scope("second"):
            return h @ v, None

    found = counting.count(counting.with_gradients(network), shape(6, 7), shape(7, 2), shape(5, 6))
    (kept,) = found.kept
    assert "first" in kept.scopes
    assert (kept.shape, kept.bytes) == ((5, 7), 4 * 5 * 7)
    assert found.flops == 3 * 2 * (5 * 6 * 7 + 5 * 7 * 2) + (1 + 4) * 35  # tanh, and (1 - h) g, times h, plus

    def remade(w, v, x):
        return jax.checkpoint(lambda w, x: jnp.tanh(x @ w))(w, x) @ v, None

    again = counting.count(counting.with_gradients(remade), shape(6, 7), shape(7, 2), shape(5, 6))
    assert again.flops == found.flops + 2 * 5 * 6 * 7 + 35


def test_a_fused_kernel():
    queries, keys = (2, 64, 4, 32), (2, 16, 4, 32)
    rule = primitives.KERNELS["dot_product_attention_fwd_wrapper"]
    assert rule({"layout": 0}, [queries, keys, keys], queries) == 2 * 2 * 2 * 4 * 64 * 16 * 32


def test_agrees_with_xla():
    def network(x, kernel, w):
        h = nn.relu(conv(x, kernel, strides=2)).reshape(-1, 8)
        return nn.softmax(h @ h.T) @ h @ w, None

    function = counting.with_gradients(network)
    arguments = shape(1, 32, 32, 8), shape(3, 3, 8, 8), shape(8, 8)
    found, compiled = counting.count(function, *arguments), jax.jit(function).lower(*arguments).compile()
    costs, memory = compiled.cost_analysis(), compiled.memory_analysis()
    peak = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    assert found.flops == pytest.approx(costs["flops"], rel=0.05)
    assert 0.5 < found.moved / costs["bytes accessed"] < 2
    assert 0.5 < found.peak / peak < 2


def test_numbers_as_text():
    assert [text.operations(n) for n in (0, 999, 1000, 51_582_747_200, 999_600)] == [
        "0",
        "999",
        "1.00 k",
        "51.6 G",
        "1.00 M",
    ]
    assert [text.memory(n) for n in (12, 1023, 1024, 238 * 2**20)] == ["12 B", "1023 B", "1.00 KiB", "238 MiB"]
