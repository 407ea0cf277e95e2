"""A compiled program is taken up by a later start where all that made it is the same, and only there."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxseg.config import defaults, plain
from jaxseg.runs import programs
from jaxseg.runs.programs import Program
from jaxseg.training.loop import _of_the_programs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache of its own, of a process that may keep programs."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    monkeypatch.setattr(programs, "_allowed", True)
    yield tmp_path / "programs"
    jax.config.update("jax_compilation_cache_dir", before)
    programs._code.cache_clear()


@pytest.fixture
def traced():
    """A function with a static argument and the list of its traces."""
    found = []

    @functools.partial(jax.jit, static_argnames="factor")
    def scaled(x, named, *, factor):
        found.append(factor)
        return {"sum": named["y"] + factor * x}

    return scaled, found


X, Y = np.arange(3, dtype=np.float32), {"y": np.ones(3, np.float32)}


def program(traced, *arguments, made_of=("a setting",), factor=2.0):
    return Program("scaled", traced[0], *(arguments or (X, Y)), made_of=made_of, factor=factor)


def test_a_later_start_neither_traces_nor_compiles(folder, traced):
    assert program(traced).notes is None
    first = program(traced).compiled(bytes=7)(X, Y)
    jax.clear_caches()
    later = program(traced)
    assert later.notes == {"bytes": 7}
    np.testing.assert_array_equal(later.compiled()(X, Y)["sum"], first["sum"])
    assert traced[1] == [2.0]
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "other",
    [
        {"made_of": ("another",)},
        {"factor": 3.0},
        {"arguments": (X[:2], {"y": Y["y"][:2]})},
        {"arguments": (X.astype(np.int32), Y)},
        {"arguments": (X, {"z": Y["y"]})},
        {"arguments": (jax.ShapeDtypeStruct((3,), np.float32, sharding=None, weak_type=True), Y)},
    ],
    ids=str,
)
def test_another_call_is_another_program(folder, traced, other):
    program(traced).compiled()
    assert program(traced).notes == {}
    assert program(traced, *other.pop("arguments", ()), **other).notes is None


def test_another_surrounding_is_another_program(folder, traced, monkeypatch, tmp_path):
    mine = tmp_path / "network.py"
    mine.write_text("width = 1")
    monkeypatch.setattr(programs, "_users_files", lambda: [mine])
    programs._code.cache_clear()
    program(traced).compiled()
    assert program(traced).notes == {}
    with monkeypatch.context() as changed:
        changed.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
        assert program(traced).notes is None
    with jax.default_matmul_precision("float32"):
        assert program(traced).notes is None
    with monkeypatch.context() as changed:
        changed.setattr(programs, "_processor", lambda: ["another"])
        assert program(traced).notes is None
    mine.write_text("width = 2")
    programs._code.cache_clear()
    assert program(traced).notes is None


def test_the_code_is_this_package_what_is_installed_and_the_users_modules(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "a_network_of_mine.py").write_text("width = 1")
    import a_network_of_mine  # noqa: F401

    files = {*programs._users_files()}
    assert tmp_path / "a_network_of_mine.py" in files
    assert Path(__file__) in files
    assert not any("numpy" in file.parts or file.name == "pathlib.py" for file in files)
    monkeypatch.delitem(sys.modules, "a_network_of_mine")
    assert any("numpy" in name for name, *_ in programs._code()[1])
    assert programs.PACKAGE.name == "jaxseg"


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content[:100] + b"?" + content[101:]])
def test_a_damaged_file_is_compiled_again(folder, traced, damage):
    program(traced).compiled()
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert program(traced).notes is None
    np.testing.assert_array_equal(program(traced).compiled()(X, Y)["sum"], Y["y"] + 2 * X)
    assert program(traced).notes == {}


def test_a_disk_that_fills_up_leaves_nothing(folder, traced, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    np.testing.assert_array_equal(program(traced).compiled()(X, Y)["sum"], Y["y"] + 2 * X)
    assert [*folder.iterdir()] == []


def test_what_the_backend_cannot_load_is_compiled_again(folder, traced, monkeypatch):
    program(traced).compiled()

    def refuse(*_, **__):
        raise RuntimeError("another machine")

    monkeypatch.setattr(programs, "deserialize_and_load", refuse)
    np.testing.assert_array_equal(program(traced).compiled()(X, Y)["sum"], Y["y"] + 2 * X)


def test_nothing_is_kept_where_it_is_not_allowed_or_not_said_what_it_is_made_of(folder, traced, monkeypatch):
    program(traced, made_of=None).compiled()(X, Y)
    monkeypatch.setattr(programs, "_allowed", False)
    program(traced).compiled()(X, Y)
    assert not folder.exists()


def test_the_files_used_last_are_kept(folder, traced, monkeypatch):
    monkeypatch.setattr(programs, "MOST", 2)
    for factor in (1.0, 2.0):
        program(traced, factor=factor).compiled()
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    assert program(traced, factor=1.0).notes == {}  # used just now
    program(traced, factor=3.0).compiled()
    assert [program(traced, factor=factor).notes for factor in (1.0, 2.0, 3.0)] == [{}, None, {}]


SCRIPT = """
import sys
import jax, jax.numpy as jnp
from jaxseg.runs import programs
jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
if sys.argv[2] == "keep":
    programs.allow()
x = jnp.arange(40.0)
function = jax.jit(lambda x: jnp.sort(jnp.sin(x @ jnp.outer(x, x))))
for _ in range(int(sys.argv[3])):
    one = programs.Program("one", function, x, made_of=0)
    print(one.notes, float(one.compiled()(x).sum()))
"""


def test_what_comes_from_jaxs_own_cache_is_not_kept(tmp_path):
    """It holds no machine code any more, and would fail in a later process; the second such start compiles it."""

    def start(how, times=1):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), how, str(times)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        return [(notes, float(result)) for notes, result in map(str.split, ran.stdout.splitlines())]

    ((_, result),) = start("plain")
    # Within a process it stays what came from there, however often it is asked for.
    assert start("keep", times=3) == [("None", result)] * 3
    assert start("keep") == [("None", result)]
    assert start("keep", times=2) == [("{}", result)] * 2
    assert not [*tmp_path.glob("programs/*.again")]


def test_every_setting_counts_but_those_of_seed_reading_logging_and_scoring():
    settings = plain(defaults())
    kept = _of_the_programs(settings)
    gone = {
        f"{section}.{name}"
        for section, values in settings.items()
        if isinstance(values, dict)
        for name in values
        if name not in (kept[section] or {})
    }
    scoring = {f"eval.{name}" for name in settings["eval"]}
    assert gone == {"data.dir", "data.cache_dir", "train.log_every", "train.eval_every"} | scoring
    single = {name for name, value in settings.items() if not isinstance(value, dict)}
    assert {name for name in single if kept[name] != settings[name]} == {"seed"}
