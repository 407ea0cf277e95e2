"""Flags that name a file of settings, ``--config`` and ``--study``: the file is run, overrides are checked by name."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from absl import flags
from ml_collections import ConfigDict
from ml_collections.config_flags import config_path

from jaxseg.checks import nearest

_LISTED = "jaxseg/config.py says what each setting does"


class Mistake(flags.Error):
    """The command line is wrong; the message is the sentence for the user."""


class ConfigFile(flags.ArgumentParser):
    """Reads the settings of a config file, and checks the names of the settings that the command line overrides.

    Args:
        flag: the name of the flag that names the file.
        folder: where the files of this kind lie in the checkout.
    """

    def __init__(self, flag: str, folder: str):
        self.flag, self.folder = flag, folder

    def parse(self, argument: str) -> ConfigDict:
        """Return the settings of ``FILE`` or ``FILE:WORDS``; the words are the argument of its ``get_config``."""
        if not argument:
            raise Mistake(missing([self.flag]))
        if argument.startswith("--"):
            raise Mistake(f"--{self.flag} has no value; the word after it is {argument!r}")
        name, *words = argument.split(":", 1)
        path = Path(name)
        if not path.is_file():
            raise Mistake(_no_config(self.flag, name, self.folder))
        config = _load(path, words)
        _check_overrides(self.flag, config, flags.FLAGS.read_flags_from_files(sys.argv[1:], force_gnu=False))
        config.lock()
        return config


def _no_config(flag: str, name: str, kept: str) -> str:
    given = Path(name)
    what, folder = ("is a folder", given) if given.is_dir() else ("is no file", given.parent)
    if not _configs(folder):
        folder = Path(os.path.relpath(Path(sys.argv[0]).resolve().parent.parent / kept))
    files = {path.stem: path for path in _configs(folder)}
    near = nearest(given.stem, files) and nearest(folder / f"{given.stem}.py", files.values())
    holds = ", ".join(path.name for path in files.values()) or "no configs"
    return f"--{flag}={name} {what}{near}; {folder}/ holds {holds}"


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
        raise Mistake(f"{path}{_line(error, path)}: {type(error).__name__}: {said}") from error
    if not isinstance(config, ConfigDict):
        raise Mistake(
            f"{path} has no get_config() that returns settings; take jaxseg.config.defaults(), change what your "
            "experiment needs, and return it, as the files in configs/ do"
        )
    return config


def _line(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _check_overrides(flag: str, config: ConfigDict, arguments: Sequence[str]) -> None:
    seen = False  # the flag itself: the settings are known once its file is
    for argument in arguments:
        name = re.match(rf"--?(no)?{flag}\.([^=]*)", argument)
        seen = seen or re.match(rf"--?{flag}(=|$)", argument) is not None
        if name and not seen:
            raise Mistake(f"{argument} stands before --{flag}; name the file first, then what to change in it")
        if name:
            _check_setting(flag, config, name[2])


def _check_setting(flag: str, config: ConfigDict, name: str) -> None:
    try:
        keys = config_path.split(name)
    except ValueError as error:
        raise Mistake(f"--{flag}.{name} names no setting; write --{flag}.<section>.<name>; {_LISTED}") from error
    place, value = flag, config
    for depth, key in enumerate(keys):
        if not isinstance(value, ConfigDict):
            raise Mistake(f"--{flag}.{name}: {place} is one setting, not a section; write --{place}=VALUE")
        if not len(value):
            raise Mistake(f"--{flag}.{name}: {place} is an empty dictionary; write --{place}=\"{{'{key}': VALUE}}\"")
        if key not in value:
            last = depth == len(keys) - 1
            near = nearest(key, value) or (elsewhere(flag, config, str(key)) if last else "")
            known = f"it has {', '.join(value)}; {_LISTED}"
            if place.endswith("options"):  # a dictionary of any names, whose file has set some
                whole = ", ".join(f"{own!r}: {what!r}" for own, what in value.items())
                known = f"to add it, write all of them: --{place}=\"{{{whole}, '{key}': VALUE}}\""
            raise Mistake(f"--{flag}.{name}: {place} has no {'setting' if last else 'section'} {key!r}{near}; {known}")
        place, value = f"{place}.{key}", value[key]
    if isinstance(value, ConfigDict) and len(keys) == 1:
        raise Mistake(
            f"--{place} is a section of settings; change them one by one, as in --{place}.{next(iter(value))}=VALUE"
        )


def elsewhere(flag: str, config: ConfigDict, key: str) -> str:
    """Return a hint at the settings with this last name, "" where there are none."""
    found = [name for name in _settings(config, f"--{flag}") if name.rpartition(".")[2] == key]
    return f" (did you mean {' or '.join(map(repr, found))}?)" if found else ""


def _settings(config: ConfigDict, place: str) -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            yield from _settings(value, f"{place}.{key}")
        yield f"{place}.{key}"


def missing(names: Sequence[str]) -> str:
    """Return the sentence on flags that have no value: what each is for, by the first words of its help."""

    def what(name: str) -> str:
        words = (flags.FLAGS[name].help or "").split(".")[0]
        return words[:1].lower() + words[1:]

    return "; ".join(f"--{name} is missing: name {what(name)}" for name in names)
