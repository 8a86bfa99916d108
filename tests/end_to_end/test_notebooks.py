"""The notebooks run from top to bottom, and are kept without what a run leaves in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
KEPT = ("kernelspec", "language_info")
LINK = re.compile(r"\]\(([^)#\s]+)\)")


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def leftovers(notebook: Any) -> list[str]:
    """What a run left in a notebook: outputs, counters, and metadata beyond the kernel's name."""
    found = [
        f"metadata {key}" for key in notebook.metadata if key not in ("kernelspec", "language_info")
    ]
    for cell in notebook.cells:
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            found.append(f"output of {cell.id}")
        found.extend(f"metadata {key} of {cell.id}" for key in cell.metadata)
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_holds_no_stored_output(path: Path) -> None:
    assert leftovers(read(path)) == []


def test_stored_output_is_noticed() -> None:
    notebook = read(NOTEBOOKS[0])
    cell = next(c for c in notebook.cells if c.cell_type == "code")
    cell.outputs = [nbformat.v4.new_output("stream", text="42")]

    assert leftovers(notebook) == [f"output of {cell.id}"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_links_of_a_notebook_lead_somewhere(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    targets = [target for target in LINK.findall(text) if "://" not in target]

    assert [target for target in targets if not (FOLDER / target).exists()] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    notebook = read(path)

    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}}).execute()

    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    assert any("image/png" in o.get("data", {}) for o in outputs), "no picture was drawn"
    assert any("text/html" in o.get("data", {}) for o in outputs), "no table was shown"
