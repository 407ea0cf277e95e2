"""Bytes alive and bytes moved, step by step, against hand counts: above all in loops, which hold most of them.

Counts are in numbers of four bytes. What is alive is counted without the arguments, which are alive throughout. A carry
has 24 numbers, [4, 6], unless said otherwise.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxseg import counting


def shape(*sides):
    return jax.ShapeDtypeStruct(sides, jnp.float32)


X, W, WIDE, BACK = shape(4, 6), shape(6, 6), shape(6, 50), shape(50, 6)


def alive(function, *arguments):
    """Return what is alive in each step."""
    found = counting.count(function, *arguments)
    assert found.peak == max(step.alive for step in found.steps)
    assert found.temporary == found.peak - found.given - found.returned
    return [(step.alive - found.given) / 4 for step in found.steps]


def repeated(body, carry, length=5):
    """Return the last carry of a loop that has no inputs and no outputs per iteration."""
    return lax.scan(lambda carry, _: (body(carry), None), carry, None, length=length)[0]


def test_element_wise_operations_overwrite_an_operand_and_reductions_do_not():
    assert alive(lambda x, w: jnp.tanh(x @ w), X, W) == [24, 24]
    assert alive(lambda x, w: (x @ w).sum(0), X, W) == [24, 24 + 6]
    assert alive(lambda x: jnp.tanh(x), X) == [24]  # an argument stays


def test_an_update_overwrites_its_operand_and_moves_the_update_alone():
    def update(x, row):
        return lax.dynamic_update_slice(x, row, (0, 0))

    assert alive(lambda x, w, row: update(x @ w, row), X, W, shape(1, 6)) == [24, 24]
    found = counting.count(update, X, shape(1, 6))
    assert found.steps[-1].moved == 4 * 2 * 6  # a row is read and written
    taken = counting.count(lambda x: x.at[np.array([[1], [2], [0]])].get(mode="clip"), X).steps[-1]
    assert taken.moved == 4 * (2 * 3 * 6 + 3)


def test_a_slice_reads_its_part_and_several_read_no_more_than_the_whole():
    assert counting.count(lambda x: x[:1] + 1, X).moved == 4 * (6 + 6)
    assert counting.count(lambda x: x[:1] + x[1:2], X).moved == 4 * (12 + 6)
    assert counting.count(lambda x: x[:3] + x[1:], X).moved == 4 * (24 + 18)


def test_the_body_of_a_loop_holds_its_carry_and_its_temporaries():
    def looped(x, w, v):
        return repeated(lambda carry: jnp.tanh(carry @ w) @ v, x)

    carry, hidden = 4 * 6, 4 * 50
    # The first product is the last to read the carry; tanh overwrites its operand.
    assert alive(looped, X, WIDE, BACK) == [carry + hidden, hidden, hidden + carry]


def test_a_temporary_stays_until_the_last_step_that_reads_it():
    def looped(x, w, v):
        def body(carry):
            wide = carry @ w
            return (wide @ wide.T) @ (wide @ v)

        return repeated(body, x)

    wide, square, narrow = 4 * 50, 4 * 4, 4 * 6
    assert alive(looped, X, WIDE, BACK) == [
        24 + wide,
        wide + wide,  # the transposed one
        wide + wide + square,
        wide + square + narrow,
        square + narrow + 24,
    ]


def test_a_loop_holds_one_slice_of_its_inputs_and_all_of_its_outputs():
    def reads(x, rows, w):
        return lax.scan(lambda carry, row: (carry @ w + row, None), x, rows)[0]

    # Carry, slice and product; then the sum overwrites the product.
    assert alive(reads, X, shape(5, 4, 6), W) == [24 + 24 + 24, 24 + 24]

    def writes(x, w, v):
        return lax.scan(lambda carry, _: (carry @ w, carry @ v), x, None, length=5)

    outputs, output = 5 * 4 * 50, 4 * 50
    assert alive(writes, X, W, WIDE) == [outputs + 24 + 24, outputs + 24 + 24 + output]


def test_the_carry_takes_the_place_of_the_first_one_where_nothing_reads_that_later():
    def once(x, w):
        return repeated(lambda carry: carry @ w, x @ w)

    assert alive(once, X, W) == [24, 24 + 24]

    def again(x, w):
        first = x @ w
        return repeated(lambda carry: carry @ w, first) + first

    # The first carry stays during the loop; the sum overwrites one of the two.
    assert alive(again, X, W) == [24, 24 + 24 + 24, 24 + 24]

    def pair(x, w):
        return repeated(lambda carry: (carry[0] @ w, carry[1]), (x @ w, x @ w @ w))

    # The third product needs the second; in the loop, the carry that never changes is one array.
    assert alive(pair, X, W) == [24, 24 + 24, 24 + 24 + 24, 24 + 24 + 24]


def test_inputs_that_a_loop_is_the_last_to_read_stay_while_it_runs():
    def function(x, rows, w):
        rows = rows @ w
        return lax.scan(lambda carry, row: (carry @ w, row @ w), x @ w, rows)

    stack = 5 * 24
    # Inputs and outputs; carry, slice and their products: the carry is not read after the first one.
    assert alive(function, X, shape(5, 4, 6), W) == [
        stack,
        stack + 24,
        stack + stack + 24 + 24 + 24,
        stack + stack + 24 + 24 + 24,
    ]


def test_inputs_that_a_loop_is_the_last_to_read_make_no_room_for_a_carry_that_stays():
    def function(x, rows, w):
        return lax.scan(lambda carry, row: (carry @ w, row @ w), x, rows @ w)

    stack = 5 * 24
    # The first carry is an argument, and that of the loop lies beside it.
    assert alive(function, X, shape(5, 4, 6), W) == [stack, stack + stack + 24 + 24 + 24, stack + stack + 24 + 24 + 24]


def test_what_every_iteration_reads_is_alive_during_the_loop_and_not_after_it():
    def function(x, w, v):
        square = w @ w
        return repeated(lambda carry: carry @ square, x @ w) @ v

    assert alive(function, X, W, WIDE) == [36, 36 + 24, 36 + 24 + 24, 24 + 200]


def test_a_result_that_nothing_reads_is_alive_in_its_step_alone():
    def function(rows, w, v):
        return lax.scan(lambda _, row: (None, (row @ w, row @ v)), None, rows)[1][0] @ w

    narrow, wide, row = 5 * 24, 5 * 200, 24
    loop = narrow + wide + row
    assert alive(function, shape(5, 4, 6), W, WIDE) == [loop + 24, loop + 24 + 200, narrow + narrow]


def test_a_loop_adds_to_what_is_alive_around_it_and_leaves_only_its_results():
    def function(x, w, v):
        beside = x @ w
        y = repeated(lambda carry: jnp.tanh(carry @ w) @ v, x)
        return beside * (y @ w)

    wide = 4 * 50
    in_loop = [24 + wide, wide, wide + 24]
    assert alive(function, X, WIDE, BACK) == [wide, *(wide + held for held in in_loop), wide + 24 + wide, wide + wide]


def test_a_loop_within_a_loop_adds_to_what_is_alive_in_the_outer_one():
    def outer(x, w, v, u):
        def body(carry):
            beside = carry @ w
            return repeated(lambda inner: inner @ v @ u, carry, length=2) + beside

        return repeated(body, x, length=3)

    # The inner carry takes the place of the outer one; the sum overwrites one of its operands.
    wide = 4 * 50
    assert alive(outer, X, W, WIDE, BACK) == [24 + 24, 24 + 24 + wide, 24 + wide + 24, 24 + 24]


def test_a_branch_adds_to_what_is_alive_around_it():
    def function(x, choice, w, v):
        first = x @ w
        return lax.cond(choice > 0, lambda x: (jnp.tanh(x @ v) @ v.T).sum(), lambda x: x.sum(), first)

    wide, transposed = 4 * 50, 6 * 50
    expected = [24, 24, 24, 24 + wide, 24 + wide, 24 + wide + transposed, 24 + wide + transposed + 24, 24 + 24]
    # The condition, the sum and the branch's result are one number each.
    np.testing.assert_allclose(alive(function, X, shape(), W, WIDE), expected, atol=3)

    def result(x, choice, w, v):
        return lax.cond(choice > 0, lambda x: x @ v, lambda x: jnp.tanh(x @ v), x @ w)

    expected = [0, 24, 24, 24 + wide, 24 + wide]  # there is one result, whichever branch makes it
    np.testing.assert_allclose(alive(result, X, shape(), W, WIDE), expected, atol=3)

    def read(x, choice, w):
        return lax.cond(choice > 0, lambda x: x @ w, lambda x: x, x) @ w

    assert alive(read, X, shape(), W)[-1] == 24 + 24


def test_the_steps_of_a_body_belong_to_the_scopes_around_the_loop_too():
    def body(carry):
        with jax.named_scope("within"):
            return carry @ carry

    with_scope = jax.named_scope("around")(lambda x: repeated(body, x))
    (step,) = counting.count(with_scope, shape(6, 6)).steps
    assert [scope for scope in step.scopes if scope in ("around", "within")] == ["around", "within"]


@pytest.mark.parametrize("length", [1, 7])
def test_a_loop_moves_what_its_body_moves_as_often_as_it_runs(length):
    def looped(x, w):
        return repeated(lambda carry: carry @ w, x, length)

    assert counting.count(looped, X, W).moved == 4 * length * (24 + 36 + 24)

    def nested(x, w):
        return repeated(lambda carry: looped(carry, w), x, 3)

    found = counting.count(nested, X, W)
    assert found.moved == 3 * 4 * length * (24 + 36 + 24)
    assert found.flops == 3 * length * 2 * 4 * 6 * 6


def test_a_loop_keeps_stacks_for_the_backward_pass():
    def network(x, w):
        with jax.named_scope("loop"):
            return repeated(lambda carry: jnp.tanh(carry @ w), x) * 1.0, None

    found = counting.count(counting.with_gradients(network), X, W)
    # Operands of the products and what tanh needs, which JAX chooses; each for every iteration.
    assert {(kept.shape, kept.bytes) for kept in found.kept} == {((5, 4, 6), 4 * 5 * 24)}
    assert all("loop" in kept.scopes for kept in found.kept)


def test_agrees_with_xla_on_a_loop():
    def looped(x, w, v):
        return repeated(lambda carry: jnp.tanh(carry @ w) @ v, x)

    arguments = shape(40, 60), shape(60, 500), shape(500, 60)
    found, compiled = counting.count(looped, *arguments), jax.jit(looped).lower(*arguments).compile()
    # Besides tanh's argument and value, XLA may hold the carry once more.
    assert found.temporary == pytest.approx(compiled.memory_analysis().temp_size_in_bytes, rel=0.2)
