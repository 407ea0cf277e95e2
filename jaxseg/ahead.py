"""Work that threads do a few items ahead. Decoding, hashing and compiled programs leave Python to other threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Yield ``function(item)`` in order; as many threads as there are cores, 8 at most, have one item each in hand.

    One item more waits its turn. An error comes out at its item. After one, or when the generator is closed, items in
    hand are finished and no other is begun.
    """
    workers = min(8, os.cpu_count() or 1)
    pending: deque = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
