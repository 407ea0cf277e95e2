"""How a launcher ends: 0 when done, one line on stderr after a mistake, 128 + signal when asked to stop."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable

from jaxseg.interrupt import Stopped

# What a user's mistake raises, here and in the libraries below.
_MISTAKES = (ValueError, OSError, FloatingPointError)
_OUT_OF_MEMORY = (
    "the memory is too small for this; train with a smaller train.batch_size, data.patch_size or network "
    "(model.size, or model.options), evaluate and predict with --tile=512"
)
# What to do about an error of the system's.
_ROOM = "make room there"
_PERMISSION = "name another place, or change who may read and write there"
_REMEDIES = {
    "ENOSPC": _ROOM,
    "EDQUOT": _ROOM,
    "EFBIG": "raise the limit on the size of files (ulimit -f)",
    "EROFS": _PERMISSION,
    "EACCES": _PERMISSION,
    "EPERM": _PERMISSION,
    "ENAMETOOLONG": "shorten it",
    "EMFILE": "raise the limit on open files (ulimit -n)",
    "ENOTDIR": "a part of the path is a file; name another place",
    "EISDIR": "a folder is there; name another file",
    "EEXIST": "something else is there; name another place, or move it away",
    "ENOENT": "look whether it was moved or deleted",
    "EIO": "the disk or the connection to it fails",
}


def guarded(main: Callable[[], None]) -> None:
    """Call ``main``; exit where it does not end well: 1 after a mistake, told in a line, 128 + signal after a stop."""
    try:
        from jaxseg.runs import programs

        programs.allow()
        main()
    except _MISTAKES as error:
        leave(error)
    except Stopped as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal)
    except (MemoryError, RuntimeError) as error:  # RuntimeError: JAX's, too
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        leave(MemoryError(_OUT_OF_MEMORY), error)


def leave(error: BaseException, cause: BaseException | None = None) -> None:
    """Exit with code 1 and one line on stderr; with ``JAXSEG_TRACEBACK=1`` raise instead."""
    if os.environ.get("JAXSEG_TRACEBACK") == "1":
        raise error from (cause or error.__cause__)
    print(f"error: {' '.join(_said(error).split())}", file=sys.stderr)  # in one line
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # it may be what failed
            stream.flush()
    os._exit(1)  # at once: other threads that failed too would write their traces while Python ends


def _said(error: BaseException) -> str:
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    remedy = _REMEDIES.get(errno.errorcode.get(error.errno or 0, ""))
    return f"{error.filename}: {error.strerror}{f'; {remedy}' if remedy else ''}"
