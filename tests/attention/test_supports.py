import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from jaxseg.attention.supports import Cross, Everywhere, Itself, Neighborhood, Tiles, Window


def read(support, i):
    """Return the slots of each query as the oracle writes them: a flat key, or None."""
    j, ok = jax.jit(support.at)(jnp.asarray(i))
    j, ok = (np.broadcast_to(a[0, :, 0], (len(i), support.slots)) for a in (j, ok))
    return [[int(key) if there else None for key, there in zip(*row, strict=True)] for row in zip(j, ok, strict=True)]


@pytest.mark.parametrize(
    ("grid", "size", "dilation"), [((7,), (3,), 2), ((4, 5), (3, 2), 1), ((5, 4), (4, 1), 2), ((2, 3, 2), (3, 3, 2), 1)]
)
def test_windows_are_the_oracles(grid, size, dilation):
    i = list(range(int(np.prod(grid))))[::-1]
    regions = oracles.window(grid, size, dilation)
    assert read(Window(grid, size, dilation), i) == [regions[query] for query in i]


@pytest.mark.parametrize(
    ("window", "first"),
    [(4, [0, 0, 0, 1, 2, 3, 3]), (2, [0, 0, 1, 2, 3, 4, 5]), (3, [0, 0, 1, 2, 3, 4, 4]), (9, [0] * 7)],
)
def test_an_even_window_has_one_key_more_before_the_query(window, first):
    """By hand: start and length of NATTEN's windows on a line of 7, where one of 4 has 2 keys before i and 1 after."""
    length = min(window, 7)
    assert read(Neighborhood((7,), (window,)), range(7)) == [list(range(low, low + length)) for low in first]


def test_everywhere_and_itself():
    assert read(Everywhere((2, 3), (1, 2)), [4, 0]) == [[0, 1], [0, 1]]
    assert read(Itself((2, 3)), [4, 0]) == [[4], [0]]


@pytest.mark.parametrize("grid", [(7,), (4, 5), (1, 6), (3, 4, 2)])
def test_boxes_and_crosses_are_the_oracles(grid):
    i = list(range(int(np.prod(grid))))[::-1]
    size, shift = (3, 2, 2)[: len(grid)], (1, 3, 0)[: len(grid)]
    for support, regions in (
        (Neighborhood(grid, size), oracles.neighborhood(grid, size)),
        (Tiles(grid, size, shift), oracles.tiles(grid, size, shift)),
        (Cross(grid), oracles.cross(grid)),
    ):
        assert read(support, i) == [regions[query] for query in i]
        assert support.slots == len(regions[0])
