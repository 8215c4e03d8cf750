"""A notebook downloaded from the built site reruns without edits in an empty folder."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from write_notebooks import clean_notebook, toc_files

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [
    name
    for name in toc_files(ROOT / "book" / "_toc.yml")
    if "{code-cell}" in (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8")
]

pytestmark = [pytest.mark.site, pytest.mark.slow]


def outputs_without_error(notebook, folder, monkeypatch):
    """Execute a notebook as a reader would, in a folder of its own."""
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return notebook


@pytest.fixture(scope="module")
def quickest(site):
    """The chapter that runs fastest: one real download is enough, the build has executed all."""
    if not CHAPTERS:
        pytest.skip("the book has no chapter with code cells yet")
    seconds = json.loads((site.parent / "execution_times.json").read_text(encoding="utf-8"))["seconds"]
    return min(CHAPTERS, key=lambda name: seconds[name])


@pytest.mark.parametrize("name", CHAPTERS)
def test_downloaded_notebook_is_the_chapter(site, name):
    """What the build executed is what the page offers: the cells of the present chapter, in order, each executed once.

    The build has run every cell from first to last in a fresh kernel and an empty folder, so this is the rerun of all
    chapters; the tests below run one more time what a reader gets.
    """
    offered = nbformat.read(site / "_sources" / f"{name}.ipynb", as_version=4)
    clean = clean_notebook(ROOT / "book" / f"{name}.md")
    code = [[cell for cell in notebook.cells if cell.cell_type == "code"] for notebook in (offered, clean)]
    assert [cell.source for cell in code[0]] == [cell.source for cell in code[1]]
    assert [cell.execution_count for cell in code[0]] == list(range(1, len(code[0]) + 1))
    assert offered.metadata["kernelspec"]["name"] == clean.metadata["kernelspec"]["name"] == "python3"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_downloaded_notebook_reruns(site, quickest, tmp_path, monkeypatch):
    """The executed notebook that the page offers."""
    notebook = nbformat.read(site / "_sources" / f"{quickest}.ipynb", as_version=4)
    outputs_without_error(notebook, tmp_path, monkeypatch)
    assert list(tmp_path.iterdir()) == []  # it neither needs nor leaves files


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_clean_notebook_runs(quickest, tmp_path, monkeypatch):
    """The clean notebook that `make notebooks` writes."""
    notebook = clean_notebook(ROOT / "book" / f"{quickest}.md")
    done = outputs_without_error(notebook, tmp_path, monkeypatch)
    assert all(cell.execution_count for cell in done.cells if cell.cell_type == "code")
