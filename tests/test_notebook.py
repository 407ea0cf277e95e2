"""The notebook runs from its first cell to its last, and what of it is kept reads without a kernel."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "attention_maps.ipynb"


def outputs(notebook):
    return [output for cell in notebook["cells"] for output in cell.get("outputs", [])]


def pictures(notebook):
    return [output["data"]["image/png"] for output in outputs(notebook) if "image/png" in output.get("data", {})]


def test_what_is_kept_is_small_and_whole():
    notebook = json.loads(NOTEBOOK.read_text())
    assert NOTEBOOK.stat().st_size < 1_500_000
    assert len(pictures(notebook)) == 2  # one pixel at every skip, and nine structures
    assert not [output for output in outputs(notebook) if output["output_type"] == "error"]
    words = json.dumps([output.get("text", output.get("data", {}).get("text/plain")) for output in outputs(notebook)])
    assert not re.search(r"[\s\"'=(]/\w", words), "a path of the machine that ran it"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # those of Jupyter's own libraries
def test_every_cell_runs(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (tmp_path / "notebooks").mkdir()  # it trains into ../runs
    run = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path / "notebooks")}})
    run.execute()
    assert len(pictures(notebook)) >= 2
    assert (tmp_path / "runs" / "attention_maps" / "checkpoints").is_dir()
