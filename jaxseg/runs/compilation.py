"""Compiled programs are kept on disk, so that a second start is quick."""

from __future__ import annotations

from pathlib import Path

import jax


def keep_programs(cache_dir: str) -> None:
    """Keep every program that took a while to compile in ``cache_dir/compiled``; to be called before the first one."""
    jax.config.update("jax_compilation_cache_dir", str(Path(cache_dir).expanduser() / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
