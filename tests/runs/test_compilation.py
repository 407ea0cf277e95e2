"""Compiled programs come from the user's own folder alone, which nobody else may write."""

import json
import os
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxseg import inference
from jaxseg.runs import compilation

OLD_RUN = Path(__file__).parents[1] / "jobs" / "run_0_1.zip"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's cache of its own, JAX's setting as a new process finds it."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "jaxseg" / "compiled"
    jax.config.update("jax_compilation_cache_dir", before)


def test_the_folder_is_the_users_and_private(home):
    home.mkdir(parents=True)
    home.chmod(0o777)
    compilation.set_up()
    assert jax.config.jax_compilation_cache_dir == str(home)
    assert home.stat().st_mode & 0o777 == 0o700


def test_jaxs_own_setting_stays(home, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
    compilation.set_up()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine")


def test_a_folder_of_another_user_is_not_used(home, monkeypatch, capsys):
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    compilation.set_up()
    assert jax.config.jax_compilation_cache_dir is None
    assert f"note: compiled programs are not kept: {home}: belongs to another user" in capsys.readouterr().out


def test_a_cache_that_cannot_be_made_costs_time_only(home, capsys):
    home.parent.parent.write_text("a file where the folder would be")
    compilation.set_up()
    assert jax.config.jax_compilation_cache_dir is None
    assert "note: compiled programs are not kept" in capsys.readouterr().out


def test_a_run_brings_no_programs_and_gets_none(home, tmp_path):
    """The cache that a run's config names is not looked into, and reading a run writes nothing into it."""
    run, planted = tmp_path / "run", tmp_path / "run" / "cache" / "compiled"
    with zipfile.ZipFile(OLD_RUN) as archive:
        archive.extractall(run)
    planted.mkdir(parents=True)
    (planted / "jit__probabilities-planted-cache").write_bytes(b"another network")
    config = json.loads((run / "config.json").read_text())
    config["data"]["cache_dir"] = str(planted.parent)
    (run / "config.json").write_text(json.dumps(config))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    inference.load(run)(np.zeros((40, 40, 3), np.uint8))
    assert jax.config.jax_compilation_cache_dir == str(home)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
