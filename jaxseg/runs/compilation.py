"""Compiled programs are kept on disk, so that a second start is quick."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import jax


def keep_programs() -> None:
    """Keep every program that took a while to compile in the user's own cache; to be called before the first one.

    The folder is ``JAX_COMPILATION_CACHE_DIR``, or ``jaxseg/compiled`` in the user's cache (``XDG_CACHE_HOME``, else
    ``~/.cache``), which nobody else may write: what lies there is run as it is. It is never named by a run or a config,
    which may come from somebody else. Where there is no such folder, programs are compiled at every start, and a line
    says so.
    """
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jaxseg" / "compiled"
        try:
            _make_private(folder)
        except OSError as error:
            print(f"note: compiled programs are not kept: {folder}: {error.strerror or error}", flush=True)
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid():
        raise OSError(f"belongs to another user ({found.st_uid})")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
