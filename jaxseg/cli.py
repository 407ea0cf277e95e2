"""What the launchers share: flags to a call, and one line where the user's input is wrong."""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags, logging
from ml_collections import config_flags

from jaxseg.checks import nearest, one_of
from jaxseg.config_file import ConfigFile, Mistake, elsewhere, missing
from jaxseg.ending import guarded, leave
from jaxseg.interrupt import leave_at_once
from jaxseg.streams import outlive_the_reader

flags.disclaim_key_flags()  # --config is a flag of the launcher that asks for it, and --help shows it there

# With less, C libraries abort or hang while they are imported; a run of two threads reserves 2.7 GiB.
_LEAST_ADDRESSES = 3 * 2**30
# What a parser wants, by absl's name for its type. The parser of dictionaries, ml_collections' own, names none.
_WANTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "fractions": "a number, 0 to 1, or one for each class with commas between them",
    "tuple": "values in parentheses and quotes, with commas, such as '(64, 64)'",
}
_DICTIONARY = "a dictionary in quotes, such as \"{'name': 1}\""


def config_flag(*, required: bool = True) -> flags.FlagHolder:
    """Define ``--config``, a file with settings, each of which ``--config.<section>.<name>=VALUE`` overrides."""
    return _file_flag("config", "configs", "A file with the settings, one of configs/ or your own.", required)


def study_flag() -> flags.FlagHolder:
    """Define ``--study``, a file with models and seeds; ``--study.config.<section>.<name>=VALUE`` is for all runs."""
    return _file_flag("study", "configs/studies", "A file with a study, one of configs/studies/ or your own.", True)


def _file_flag(name: str, folder: str, help_string: str, required: bool) -> flags.FlagHolder:
    holder = config_flags.DEFINE_config_file(
        name, help_string=f"{help_string} {'Required.' if required else 'Default: none.'}"
    )
    flag = flags.FLAGS[name]
    flag.parser = ConfigFile(name, folder)
    flag.default_as_str = None  # absl's help would show the default 'None'
    if required:
        flags.mark_flag_as_required(name)
    return holder


def run_flags() -> tuple[flags.FlagHolder, flags.FlagHolder]:
    """Define ``--workdir`` and ``--checkpoint``: a trained run, and which of its weights."""
    workdir = flags.DEFINE_string("workdir", None, "The folder of a trained run. Required.", required=True)
    checkpoint = flags.DEFINE_enum(
        "checkpoint", "best", ["best", "latest"], "The weights: of the step with the best score on val, or the latest."
    )
    return workdir, checkpoint


def prediction_flags() -> Callable[[], dict[str, Any]]:
    """Define ``--threshold``, ``--tile``, ``--flips``, ``--reconnect``; return what gives ``inference.load`` these."""
    threshold = flags.DEFINE(
        _Numbers(),
        "threshold",
        None,
        "The probability above which a pixel is called foreground; of several classes, one each, as in "
        "--threshold=0.4,0.6. Default: the run's eval.threshold or eval.thresholds.",
    )
    tile = flags.DEFINE_integer(
        "tile",
        None,
        "Predict in overlapping square tiles of this side, in pixels of the prepared images (data.image_size); for "
        "images too large for the memory. Default: the run's eval.tile.",
        32,
    )
    flips = flags.DEFINE_boolean(
        "flips",
        None,
        "Average the probabilities over the four flips of an image (none, vertical, horizontal, both); takes four "
        "times as long. Default: the run's eval.flips.",
    )

    reconnect = flags.DEFINE_float(
        "reconnect",
        None,
        "Connect fragments of the foreground to its largest connected component by a path along high probabilities, "
        "across gaps of less than so many pixels; 0 switches this off. Default: the run's eval.reconnect.reach.",
        0.0,
    )

    def chosen() -> dict[str, Any]:
        sides = None if tile.value is None else (tile.value, tile.value)
        return {"threshold": threshold.value, "tile": sides, "flips": flips.value, "reconnect": reconnect.value}

    return chosen


def named_values(flag: str, words: Sequence[str]) -> dict[str, Any]:
    """Return ``{"a": 1, "b": "c"}`` of the words ``a=1`` and ``b=c``; whole numbers are numbers.

    Raises:
        ValueError: a word is not of this form.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise ValueError(f"--{flag} is {word!r}; write --{flag}=NAME=VALUE")
        found[name] = int(value) if value.lstrip("-").isdigit() else value
    return found


def run(main: Callable[..., None], *, words: bool = False) -> None:
    """Parse the flags, call ``main``, and exit: 0 when done, 1 after a mistake, 128 + signal when asked to stop.

    With ``words``, main gets those that are no flags; without, there may be none.

    A mistake ends in one line on stderr; the variable ``JAXSEG_TRACEBACK=1`` shows the whole trace instead.

    Neither this module nor a launcher imports more than reads a command line: ``main`` does, so that a signal or a lack
    of memory during these seconds ends in one line too.
    """
    leave_at_once()
    _let_the_main_thread_speak()
    outlive_the_reader()
    _require_address_space()
    atexit.register(gc.freeze)  # Python's last look for garbage, among all that was traced, takes a second
    app.run(
        lambda rest: guarded(functools.partial(main, *rest[1:])), flags_parser=functools.partial(_parse, words=words)
    )


def _parse(arguments: Sequence[str], words: bool) -> list[str]:
    try:
        rest = flags.FLAGS(list(arguments))
        _require_values()
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        leave(ValueError(_explain(error)), error)
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.FATAL)  # Orbax tells of every file it touches; --verbosity=0 lets it
    if len(rest) > 1 and not words:
        leave(ValueError(f"unexpected argument {rest[1]!r}; flags are written --name=value"))
    return rest


def _require_address_space() -> None:
    with contextlib.suppress(ImportError):
        import resource  # there is none on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY and limit < _LEAST_ADDRESSES:
            leave(MemoryError(
                f"the limit on address space (ulimit -v) is {limit / 2**30:.2g} GiB; the libraries alone take "
                f"{_LEAST_ADDRESSES / 2**30:.0f}: raise it, or limit the resident memory instead (a control group)"
            ))  # fmt: skip


def _let_the_main_thread_speak() -> None:
    """Keep other threads from printing what they raise: the main one raises it too, and tells it in a line."""
    if os.environ.get("JAXSEG_TRACEBACK") != "1":
        threading.excepthook = sys.unraisablehook = lambda _: None


class _Numbers(flags.ArgumentParser):
    """Reads a number from 0 to 1, or several with commas between them as a tuple."""

    def parse(self, argument: str) -> float | tuple[float, ...]:
        """Return ``0.5`` of "0.5", and ``(0.4, 0.6)`` of "0.4,0.6"."""
        first, *others = map(float, argument.split(","))
        if not all(0 <= number <= 1 for number in (first, *others)):
            raise ValueError(argument)
        return (first, *others) if others else first

    def flag_type(self) -> str:
        """Return the name under which ``_WANTED`` says what is read."""
        return "fractions"


def _own() -> list[flags.Flag]:
    return flags.FLAGS.get_key_flags_for_module(sys.argv[0])


def _require_values() -> None:
    for flag in _own():
        if flag.value == "" and flag.default is None:
            raise Mistake(missing([flag.name]))
        if isinstance(flag.value, str) and flag.value.startswith("--"):
            raise Mistake(f"--{flag.name} has no value; the word after it is {flag.value!r}")


def _explain(error: Exception) -> str:
    """Return what an error of absl's or ml_collections' says about the command line as a sentence."""
    said = str(error)
    if isinstance(error, flags.UnrecognizedFlagError):
        return _unknown(error.flagname)
    if names := re.findall(r"Flag --(\S+) must have a value other than None", said):
        return missing(names)
    if bare := re.fullmatch(r"Missing value for flag (\S+)", said):
        return f"{bare[1]} has no value; write {bare[1]}=VALUE"
    if isinstance(error, flags.IllegalFlagValueError):
        flag = flags.FLAGS[said.removeprefix("flag --").partition("=")[0]]
        refused = f"flag --{flag.name}={flag.value}: "  # by a validator, which sees the value parsed
        if said.startswith(refused):
            value = ",".join(flag.value) if isinstance(flag.value, list) else flag.value
            return f"--{flag.name} is {value!r}; {said.removeprefix(refused)}"
        return _illegal(flag, said.removeprefix(f"flag --{flag.name}=").removesuffix(f": {error.__context__}"))
    return said


def _unknown(name: str) -> str:
    file = next((flag for flag in ("config", "study") if flag in flags.FLAGS), "")
    config = flags.FLAGS[file].value if file else None
    if config is None and file and name.startswith(f"{file}."):
        return missing([file])
    own = sorted(f"--{flag.name}" for flag in _own())
    negated = [f"--no{flag.name}" for flag in _own() if flag.boolean]
    near = elsewhere(file, config, name.rpartition(".")[2]) if config is not None else ""
    return f"there is no flag --{name}{nearest(f'--{name}', own + negated) or near}; the flags are {', '.join(own)}"


def _illegal(flag: flags.Flag, value: str) -> str:
    parser: Any = flag.parser
    if isinstance(parser, flags.EnumParser):
        try:
            one_of(f"--{flag.name}", value, parser.enum_values)
        except ValueError as told:
            return str(told)
    wanted = _WANTED.get(parser.flag_type(), _DICTIONARY)
    low, high = getattr(parser, "lower_bound", None), getattr(parser, "upper_bound", None)
    bounds = "" if low is None else f", {low:g} or more" if high is None else f", {low:g} to {high:g}"
    return f"--{flag.name} is {value!r}; want {wanted}{bounds}"
