"""How programs are compiled: quickly, kept on disk for the next start, and the compiler's memory given back."""

from __future__ import annotations

import ctypes
import functools
import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

# On a CPU, XLA's newer code generator for fusions and LLVM's unrolling of loops take more than half of a compile, and a
# training step is as fast without them (benchmarks/README.md). Other backends have no such options.
QUICK = "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters,xla_cpu_disable_loop_unrolling"
LONG = 1.0  # seconds of compiling, from which on a program is kept and memory given back


def set_up() -> None:
    """Compile quickly, and keep every program that took a while; to be called before anything touches JAX's devices.

    The folder is ``JAX_COMPILATION_CACHE_DIR``, or ``jaxseg/compiled`` in the user's cache (``XDG_CACHE_HOME``, else
    ``~/.cache``), which nobody else may write: what lies there is run as it is. It is never named by a run or a config,
    which may come from somebody else. Where there is no such folder, programs are compiled at every start, and a line
    says so.

    After each compile the process gives back to the system what the compiler took, up to most of a GiB that would lie
    unused beside what the program itself takes.
    """
    _compile_quickly()
    _watch_the_compiler()
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jaxseg" / "compiled"
        try:
            make_private(folder)
        except OSError as error:
            print(f"note: compiled programs are not kept: {folder}: {error.strerror or error}", flush=True)
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", LONG)
    # Where the disk is full, the next start compiles again.
    warnings.filterwarnings("ignore", "Error (writing|reading) persistent compilation cache entry")


def _compile_quickly() -> None:
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in flags:  # the user's own
        os.environ["XLA_FLAGS"] = f"{flags} {QUICK}".strip()


def give_back() -> None:
    """Give memory that is free in this process back to the system, where the C library can (glibc)."""
    trim: Callable[[int], Any] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@functools.cache  # a listener stays for good
def _watch_the_compiler() -> None:
    def compiled(event: str, duration_secs: float, **_: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration" and duration_secs >= LONG:
            give_back()

    jax.monitoring.register_event_duration_secs_listener(compiled)


def make_private(folder: Path) -> None:
    """Make a folder that nobody else may read or write; raise OSError where another user owns it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid():
        raise OSError(f"belongs to another user ({found.st_uid})")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
