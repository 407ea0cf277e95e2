"""Files that are there whole or not at all, and errors that name them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_PARTIAL = ".jaxseg-partial"


def write(path: Path | str, data: bytes) -> None:
    """Write a file that is there whole or not at all, whatever stops the writing; of several writers one is last.

    Raises OSError, with its path, where it cannot be written.
    """
    path = Path(path)
    known_by = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]  # its own name may be as long as names may be
    partial = path.with_name(f".{known_by}-{secrets.token_hex(4)}{_PARTIAL}")  # another process may write it too
    with named(path):
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def write_json(path: Path | str, content: Any) -> None:
    """Write plain data as JSON that people can read, as ``write`` does."""
    write(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: Path, writer: str, remedy: str, parse: Callable[[Any], T]) -> T:
    """Return what ``parse`` makes of the JSON in a file.

    Args:
        path: the file.
        writer: what wrote it.
        remedy: what to do where it is damaged.
        parse: such as ``an_object``; raises ValueError, TypeError, AttributeError or KeyError for content that it does
            not know.

    Raises:
        ValueError: it holds something else; the line has the first three.
    """
    try:
        return parse(json.loads(path.read_bytes()))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        missing = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{path}: not what {writer} wrote ({missing}); {remedy}") from error


def an_object(content: Any) -> dict[str, Any]:
    """Return an object of JSON as it is.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(content, dict):
        raise TypeError("no object")
    return content


def partial(path: Path) -> bool:
    """Return whether a file is what a kill left of one that ``write`` was writing."""
    return path.name.endswith(_PARTIAL)


@contextlib.contextmanager
def named(path: Path | str) -> Iterator[None]:
    """Raise an OSError with this path for any other: that of a write to an open file names none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
