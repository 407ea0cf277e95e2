"""Compiled programs that the next start takes up as they are: it neither traces nor compiles them.

JAX's own cache spares the compile alone, since it knows a program by its traced text, and tracing a network takes
seconds. Here a program is known by all that its trace reads: settings, arguments, source, packages, devices and flags.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache
from jax.experimental.serialize_executable import deserialize_and_load, serialize

from jaxseg.runs import compilation

MOST = 100  # files that are kept, those used last; each takes a few MB
PACKAGE = Path(__file__).parents[1]
FLAGS = ("XLA_", "JAX_", "CUDA_", "NVIDIA_", "TF_")  # environment variables that change what is compiled
_VISIBLE = "_VISIBLE_DEVICES"  # ends those that choose devices, which are told by themselves
_HIT = "/jax/compilation_cache/cache_hits"

_allowed = False
_borrowed: list[Any] = []  # what came from JAX's own cache


def allow() -> None:
    """Let this process keep programs and take up kept ones.

    The launchers do, whose programs come from files alone. In a notebook a function may be another one than that of the
    file that it came from.
    """
    global _allowed
    _allowed = True


class Program:
    """A function that is compiled for given arguments, now or at an earlier start.

    Programs lie beside those that JAX keeps; see ``compilation.set_up``. What lies there is run as it is.

    Args:
        name: of the function.
        function: from ``jax.jit`` or ``jax.pmap``.
        arguments: its own, or their shapes, types and layouts.
        made_of: what its trace reads beside arguments and source files: settings, as plain data. None: it is not kept.
        static: its static arguments, by keyword. Of objects, ``made_of`` says what they are.

    Attributes:
        notes: what was noted when it was kept; None where it must be compiled.
    """

    def __init__(self, name: str, function: Any, *arguments: Any, made_of: Any = None, **static: Any):
        self._function, self._arguments, self._static = function, arguments, static
        self._path = _path(name, arguments, static, made_of) if made_of is not None else None
        self._kept = None if self._path is None else _read(self._path)
        self.notes: dict[str, Any] | None = None if self._kept is None else self._kept["notes"]

    def compiled(self, **notes: Any) -> Callable:
        """Return the program, which takes all but the static arguments; what is compiled now is kept with ``notes``."""
        if self._path is None:
            return functools.partial(self._function, **self._static)
        program = self._taken_up() or self._made(self._path, notes)
        compilation.give_back()  # the file's content, and what loading or writing it took
        return program

    def _taken_up(self) -> Callable | None:
        kept, self._kept = self._kept, None
        if kept is None:
            return None
        given, result = (jax.tree.structure(kept[name]) for name in ("given", "result"))
        try:
            return deserialize_and_load(kept["program"], given, result, execution_devices=_devices(self._arguments))
        except Exception:  # whatever the backend says of a program that it cannot take
            return None

    def _made(self, path: Path, notes: dict[str, Any]) -> Callable:
        lowered, hits = self._function.lower(*self._arguments, **self._static), _hits()
        # What comes from JAX's cache has no machine code that could be written. It spares a compile after an edit that
        # leaves the program as it is; a second such start is worth one.
        again = path.with_suffix(".again")
        with _past_jaxs_cache() if again.exists() else contextlib.nullcontext():
            program = lowered.compile()
        # JAX gives the same program of this process once more without a word of where it came from.
        executable = program.runtime_executable()
        if _hits() > hits:
            _borrowed.append(executable)
        if not any(one is executable for one in _borrowed):
            _write(path, program, notes)
            again.unlink(missing_ok=True)
        else:
            with contextlib.suppress(OSError):
                compilation.make_private(path.parent)
                again.touch()
        return program


@contextlib.contextmanager
def _past_jaxs_cache() -> Iterator[None]:
    """Neither read nor write JAX's own cache of compiled programs."""
    before = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # else the setting of the first compile stays
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()


def _hits() -> int:
    """Return how many programs came from JAX's own cache since this was first asked."""
    return len(_listening())


@functools.cache
def _listening() -> list[str]:
    seen: list[str] = []
    jax.monitoring.register_event_listener(lambda event, **_: seen.append(event) if event == _HIT else None)
    return seen


def _path(name: str, arguments: Any, static: dict[str, Any], made_of: Any) -> Path | None:
    folder: str | None = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    if not _allowed or folder is None:
        return None
    plain = {key: value for key, value in static.items() if isinstance(value, (bool, int, float, str))}
    known_by = (name, made_of, plain, _described(arguments), _code(), _platform())
    return Path(folder) / "programs" / f"{name}-{hashlib.sha256(repr(known_by).encode()).hexdigest()}"


def _described(arguments: Any) -> list[Any]:
    def leaf(value: Any) -> Any:
        layout = getattr(value, "sharding", None)
        on = () if layout is None else (str(layout), sorted(device.id for device in layout.device_set))
        if hasattr(value, "dtype"):
            return tuple(value.shape), str(value.dtype), getattr(value, "weak_type", False), on
        return type(value).__name__

    leaves, structure = jax.tree.flatten(arguments)
    return [str(structure), *map(leaf, leaves)]


def _devices(arguments: Any) -> list[Any]:
    """Return the devices that the arguments lie on, else the one where JAX puts what is not told."""
    layouts = (leaf.sharding for leaf in jax.tree.leaves(arguments) if getattr(leaf, "sharding", None) is not None)
    found = {device.id: device for layout in layouts for device in layout.device_set}
    return [found[place] for place in sorted(found)] or jax.local_devices()[:1]


def _platform() -> list[Any]:
    flags = sorted((k, v) for k, v in os.environ.items() if k.startswith(FLAGS) and not k.endswith(_VISIBLE))
    devices = [(device.device_kind, device.id, device.client.platform_version) for device in jax.local_devices()]
    return [devices, _processor(), flags, sorted(jax.config.values.items(), key=str)]


@functools.cache
def _processor() -> list[str]:
    """Return the processor's name and what it can do, where Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    return sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})


@functools.cache
def _code() -> list[Any]:
    """Return the state of all code: packages by what pip recorded of them, this one and the user's files by content."""
    records = [record for place in sys.path for record in sorted(Path(place).glob("*.dist-info/RECORD"))]
    installed = [(str(record), record.stat().st_mtime_ns, record.stat().st_size) for record in records]
    contents = hashlib.sha256(b"".join(path.read_bytes() for path in sorted({*PACKAGE.rglob("*.py"), *_users_files()})))
    return [sys.version, installed, contents.hexdigest()]


def _users_files() -> Iterator[Path]:
    """Yield the files of loaded modules that neither Python nor a package brought: networks, losses, own launchers.

    Those of this project's launchers only call it, and would make another program of one that several of them need.
    """
    brought = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    brought.append(PACKAGE.parent / "launch")
    for module in [*sys.modules.values()]:
        path = Path(getattr(module, "__file__", None) or "")
        if path.suffix == ".py" and path.is_file() and not any(path.is_relative_to(place) for place in brought):
            yield path.resolve()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        compilation.make_private(path.parent)
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:  # cut short, or damaged
            return None
        os.utime(path)
        return pickle.loads(content[32:])
    except Exception:  # absent, or of classes that are no more
        return None


def _write(path: Path, program: Any, notes: dict[str, Any]) -> None:
    """Keep a program; where that cannot be, the next start compiles it again."""
    try:
        binary, *structures = serialize(program)
        given, result = (jax.tree.unflatten(structure, [0] * structure.num_leaves) for structure in structures)
        content = pickle.dumps({"program": binary, "given": given, "result": result, "notes": notes})
        compilation.make_private(path.parent)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            written = Path(file.name)
        try:
            written.write_bytes(hashlib.sha256(content).digest() + content)
            written.replace(path)
        finally:
            written.unlink(missing_ok=True)  # where a full disk ended the writing
        for old in sorted(path.parent.iterdir(), key=lambda kept: kept.stat().st_mtime)[:-MOST]:
            old.unlink(missing_ok=True)
    except Exception:  # a full disk, or what the backend or pickle cannot write
        return
