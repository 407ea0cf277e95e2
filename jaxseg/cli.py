"""What the launchers share: flags to a call, and one line where the user's input is wrong."""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import gc
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags
from ml_collections.config_flags import config_path

from jaxseg.checks import nearest, one_of
from jaxseg.interrupt import Stopped, leave_at_once
from jaxseg.streams import outlive_the_reader

flags.disclaim_key_flags()  # --config is a flag of the launcher that asks for it, and --help shows it there

# What a user's mistake raises, here and in the libraries below.
_MISTAKES = (ValueError, OSError, FloatingPointError)
_OUT_OF_MEMORY = (
    "the memory is too small for this; train with a smaller train.batch_size, data.patch_size or network "
    "(model.size, or model.options), evaluate and predict with --tile=512"
)
# With less, C libraries abort or hang while they are imported; a run of two threads reserves 2.7 GiB.
_LEAST_ADDRESSES = 3 * 2**30
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
_LISTED = "jaxseg/config.py says what each setting does"
# What a parser wants, by absl's name for its type. The parser of dictionaries, ml_collections' own, names none.
_WANTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "fractions": "a number, 0 to 1, or one for each class with commas between them",
    "tuple": "values in parentheses and quotes, with commas, such as '(64, 64)'",
}
_DICTIONARY = "a dictionary in quotes, such as \"{'name': 1}\""


class _Mistake(flags.Error):
    """The command line is wrong; the message is the sentence for the user."""


def config_flag(*, required: bool = True) -> flags.FlagHolder:
    """Define ``--config``, a file with settings, each of which ``--config.<section>.<name>=VALUE`` overrides."""
    help_string = "A file with the settings, one of configs/ or your own."
    holder = config_flags.DEFINE_config_file(
        "config", help_string=f"{help_string} {'Required.' if required else 'Default: none.'}"
    )
    flag = flags.FLAGS["config"]
    flag.parser = _ConfigFile()
    flag.default_as_str = None  # absl's help would show the default 'None'
    if required:
        flags.mark_flag_as_required("config")
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
        "Join the fragments of the foreground to its largest part by a walk along the probabilities, over gaps of less "
        "than so many pixels; 0 leaves them apart. Default: the run's eval.reconnect.reach.",
        0.0,
    )

    def chosen() -> dict[str, Any]:
        sides = None if tile.value is None else (tile.value, tile.value)
        return {"threshold": threshold.value, "tile": sides, "flips": flips.value, "reconnect": reconnect.value}

    return chosen


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
        lambda rest: _guarded(functools.partial(main, *rest[1:])), flags_parser=functools.partial(_parse, words=words)
    )


def _parse(arguments: Sequence[str], words: bool) -> list[str]:
    try:
        rest = flags.FLAGS(list(arguments))
        _require_values()
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        _leave(ValueError(_explain(error)), error)
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.FATAL)  # Orbax tells of every file it touches; --verbosity=0 lets it
    if len(rest) > 1 and not words:
        _leave(ValueError(f"unexpected argument {rest[1]!r}; flags are written --name=value"))
    return rest


def _guarded(main: Callable[[], None]) -> None:
    try:
        from jaxseg.runs import programs

        programs.allow()
        main()
    except _MISTAKES as error:
        _leave(error)
    except Stopped as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal)
    except (MemoryError, RuntimeError) as error:  # RuntimeError: JAX's, too
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        _leave(MemoryError(_OUT_OF_MEMORY), error)


def _require_address_space() -> None:
    with contextlib.suppress(ImportError):
        import resource  # there is none on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY and limit < _LEAST_ADDRESSES:
            _leave(MemoryError(
                f"the limit on address space (ulimit -v) is {limit / 2**30:.2g} GiB; the libraries alone take "
                f"{_LEAST_ADDRESSES / 2**30:.0f}: raise it, or limit the resident memory instead (a control group)"
            ))  # fmt: skip


def _let_the_main_thread_speak() -> None:
    """Keep other threads from printing what they raise: the main one raises it too, and tells it in a line."""
    if os.environ.get("JAXSEG_TRACEBACK") != "1":
        threading.excepthook = sys.unraisablehook = lambda _: None


def _leave(error: BaseException, cause: BaseException | None = None) -> None:
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


class _ConfigFile(flags.ArgumentParser):
    """Reads the settings of a config file, and checks the names of the settings that the command line overrides."""

    def parse(self, argument: str) -> ConfigDict:
        """Return the settings of ``FILE`` or ``FILE:WORDS``; the words are the argument of its ``get_config``."""
        if not argument:
            raise _Mistake(_missing(["config"]))
        if argument.startswith("--"):
            raise _Mistake(f"--config has no value; the word after it is {argument!r}")
        name, *words = argument.split(":", 1)
        path = Path(name)
        if not path.is_file():
            raise _Mistake(_no_config(name))
        config = _load(path, words)
        _check_overrides(config, flags.FLAGS.read_flags_from_files(sys.argv[1:], force_gnu=False))
        config.lock()
        return config


def _no_config(name: str) -> str:
    given = Path(name)
    what, folder = ("is a folder", given) if given.is_dir() else ("is no file", given.parent)
    if not _configs(folder):
        folder = Path(os.path.relpath(Path(sys.argv[0]).resolve().parent.parent / "configs"))
    files = {path.stem: path for path in _configs(folder)}
    near = nearest(given.stem, files) and nearest(folder / f"{given.stem}.py", files.values())
    holds = ", ".join(path.name for path in files.values()) or "no configs"
    return f"--config={name} {what}{near}; {folder}/ holds {holds}"


def _configs(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if "def get_config" in path.read_text(errors="replace")]


def _load(path: Path, words: Sequence[str]) -> ConfigDict:
    module = ModuleType("config_file")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where a file that defines classes looks for their module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
        get_config = module.__dict__.get("get_config", lambda *_: None)
        config = get_config(*words)
    except (Exception, SystemExit) as error:  # whatever a user's file may raise
        said = error.msg if isinstance(error, SyntaxError) else error  # else it would name file and line again
        raise _Mistake(f"{path}{_line(error, path)}: {type(error).__name__}: {said}") from error
    if not isinstance(config, ConfigDict):
        raise _Mistake(
            f"{path} has no get_config() that returns settings; take jaxseg.config.defaults(), change what your "
            "experiment needs, and return it, as the files in configs/ do"
        )
    return config


def _line(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _check_overrides(config: ConfigDict, arguments: Sequence[str]) -> None:
    seen = False  # --config itself: the settings are known once its file is
    for argument in arguments:
        name = re.match(r"--?(no)?config\.([^=]*)", argument)
        seen = seen or re.match(r"--?config(=|$)", argument) is not None
        if name and not seen:
            raise _Mistake(f"{argument} stands before --config; name the file first, then what to change in it")
        if name:
            _check_setting(config, name[2])


def _check_setting(config: ConfigDict, name: str) -> None:
    try:
        keys = config_path.split(name)
    except ValueError as error:
        raise _Mistake(f"--config.{name} names no setting; write --config.<section>.<name>; {_LISTED}") from error
    place, value = "config", config
    for depth, key in enumerate(keys):
        if not isinstance(value, ConfigDict):
            raise _Mistake(f"--config.{name}: {place} is one setting, not a section; write --{place}=VALUE")
        if not len(value):
            raise _Mistake(f"--config.{name}: {place} is an empty dictionary; write --{place}=\"{{'{key}': VALUE}}\"")
        if key not in value:
            last = depth == len(keys) - 1
            near = nearest(key, value) or (_elsewhere(config, str(key)) if last else "")
            known = f"it has {', '.join(value)}; {_LISTED}"
            raise _Mistake(f"--config.{name}: {place} has no {'setting' if last else 'section'} {key!r}{near}; {known}")
        place, value = f"{place}.{key}", value[key]
    if isinstance(value, ConfigDict) and len(keys) == 1:
        raise _Mistake(
            f"--{place} is a section of settings; change them one by one, as in --{place}.{next(iter(value))}=VALUE"
        )


def _elsewhere(config: ConfigDict, key: str) -> str:
    found = [name for name in _settings(config) if name.rpartition(".")[2] == key]
    return f" (did you mean {' or '.join(map(repr, found))}?)" if found else ""


def _settings(config: ConfigDict, place: str = "--config") -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            yield from _settings(value, f"{place}.{key}")
        yield f"{place}.{key}"


def _own() -> list[flags.Flag]:
    return flags.FLAGS.get_key_flags_for_module(sys.argv[0])


def _require_values() -> None:
    for flag in _own():
        if flag.value == "" and flag.default is None:
            raise _Mistake(_missing([flag.name]))
        if isinstance(flag.value, str) and flag.value.startswith("--"):
            raise _Mistake(f"--{flag.name} has no value; the word after it is {flag.value!r}")


def _missing(names: Sequence[str]) -> str:
    def what(name: str) -> str:
        words = (flags.FLAGS[name].help or "").split(".")[0]
        return words[:1].lower() + words[1:]

    return "; ".join(f"--{name} is missing: name {what(name)}" for name in names)


def _explain(error: Exception) -> str:
    """Return what an error of absl's or ml_collections' says about the command line as a sentence."""
    said = str(error)
    if isinstance(error, flags.UnrecognizedFlagError):
        return _unknown(error.flagname)
    if names := re.findall(r"Flag --(\S+) must have a value other than None", said):
        return _missing(names)
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
    config = flags.FLAGS["config"].value if "config" in flags.FLAGS else None
    if config is None and name.startswith("config.") and "config" in flags.FLAGS:
        return _missing(["config"])
    own = sorted(f"--{flag.name}" for flag in _own())
    negated = [f"--no{flag.name}" for flag in _own() if flag.boolean]
    near = _elsewhere(config, name.rpartition(".")[2]) if config is not None else ""
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
