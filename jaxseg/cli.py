"""What the launchers share: flags to a call, and one line where the user's input is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import jax
from absl import app, flags, logging

from jaxseg.training import Stopped

# What a user's mistake raises, here and in the libraries below.
_MISTAKES = (ValueError, OSError, FloatingPointError)
_OUT_OF_MEMORY = (
    "the device's memory is too small for this; train with a smaller train.batch_size, data.patch_size or model.size, "
    "evaluate and predict with --tile=512"
)


def run(main: Callable[[], None]) -> None:
    """Parse the flags, call ``main``, and exit: 0 when done, 1 after a mistake, 128 + signal when asked to stop.

    A mistake ends in one line on stderr; the variable ``JAXSEG_TRACEBACK=1`` shows the whole trace instead.
    """
    app.run(lambda _: _guarded(main), flags_parser=_parse)


def _parse(arguments: Sequence[str]) -> list[str]:
    try:
        rest = flags.FLAGS(list(arguments))
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError, SyntaxError) as error:
        _leave(error)
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.ERROR)  # Orbax tells of every file it touches; --verbosity=0 lets it
    if len(rest) > 1:
        _leave(ValueError(f"unexpected argument {rest[1]!r}; flags are written --name=value"))
    return rest


def _guarded(main: Callable[[], None]) -> None:
    try:
        main()
    except _MISTAKES as error:
        _leave(error)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        _leave(MemoryError(_OUT_OF_MEMORY))
    except Stopped as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _leave(error: BaseException) -> None:
    if os.environ.get("JAXSEG_TRACEBACK") == "1":
        raise error
    message = error.args[0] if isinstance(error, KeyError) and error.args else error
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)  # in one line
    sys.exit(1)
