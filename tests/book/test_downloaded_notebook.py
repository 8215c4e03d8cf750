"""A notebook downloaded from the built site reruns in an empty folder: as it is, and with other parameters."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from snntheory_book.rerun import TAG, has_assertion
from write_notebooks import clean_notebook, toc_files

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [
    name
    for name in toc_files(ROOT / "book" / "_toc.yml")
    if "{code-cell}" in (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8")
]

pytestmark = [pytest.mark.site, pytest.mark.slow]


def executed(notebook, folder, monkeypatch):
    """Execute a notebook as a reader would, in a folder of its own; an error where no tag allows it stops it."""
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert all(cell.execution_count for cell in code_of(notebook))
    assert list(folder.iterdir()) == []  # it neither needs nor leaves files
    return notebook


def code_of(notebook):
    """The code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def failures(notebook):
    """Names of the exceptions of every cell that failed, with the cells: a tag may let a notebook go on, silently."""
    cells = code_of(notebook)
    return [(out.ename, cell) for cell in cells for out in cell.outputs if out.output_type == "error"]


@pytest.fixture(scope="module")
def quickest(site):
    """All chapters, those first that ran fastest when the book was built."""
    seconds = json.loads((site.parent / "execution_times.json").read_text(encoding="utf-8"))["seconds"]
    return sorted(CHAPTERS, key=lambda name: seconds[name])


@pytest.mark.parametrize("name", CHAPTERS)
def test_downloaded_notebook_is_the_chapter(site, name):
    """What the build executed is what the page offers: the cells of the present chapter, in order, each executed once.

    The build has run every cell from first to last in a fresh kernel and an empty folder, so this is the rerun of all
    chapters, which takes ten minutes by itself; the tests below run once more what a reader gets, of the quickest.
    """
    offered = nbformat.read(site / "_sources" / f"{name}.ipynb", as_version=4)
    clean = clean_notebook(ROOT / "book" / f"{name}.md")
    assert [cell.source for cell in code_of(offered)] == [cell.source for cell in code_of(clean)]
    assert [cell.execution_count for cell in code_of(offered)] == list(range(1, len(code_of(offered)) + 1))
    assert offered.metadata["kernelspec"]["name"] == clean.metadata["kernelspec"]["name"] == "python3"
    assert failures(offered) == []
    for cell in [*code_of(offered), *code_of(clean)]:
        assert (TAG in cell.metadata.get("tags", [])) == has_assertion(cell.source)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("rank", range(3))
def test_downloaded_notebook_reruns(site, quickest, rank, tmp_path, monkeypatch):
    """The executed notebook that the page offers, without a failure that the tags would have let pass."""
    notebook = nbformat.read(site / "_sources" / f"{quickest[rank]}.ipynb", as_version=4)
    assert failures(executed(notebook, tmp_path, monkeypatch)) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_clean_notebook_runs(quickest, tmp_path, monkeypatch):
    """The clean notebook that `make notebooks` writes."""
    assert (
        failures(executed(clean_notebook(ROOT / "book" / f"{quickest[0]}.md"), tmp_path, monkeypatch)) == []
    )


CHANGES = {
    "below_threshold": ("CubaLIF(tau_mem=0.020, tau_syn=0.010)", "CubaLIF(tau_mem=0.030, tau_syn=0.004)"),
    "frameworks": ("tau_mem=0.020, tau_syn=0.010), 0.001", "tau_mem=0.0045, tau_syn=0.0095), 0.0005"),
    "population_moments": ("grid_step = 0.004", "grid_step = 0.002"),
}
OWN_NUMBERS = {
    "frameworks",
    "population_moments",
}  # chapters that also assert numbers of the book's neuron alone


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("name", CHANGES)
def test_changed_parameter_stops_nothing(site, name, tmp_path, monkeypatch):
    """With another value in the tagged cell the notebook runs to its end; what fails are the book's own assertions."""
    notebook = nbformat.read(site / "_sources" / f"{name}.ipynb", as_version=4)
    (cell,) = (cell for cell in code_of(notebook) if "parameters" in cell.metadata.get("tags", []))
    old, new = CHANGES[name]
    assert cell.source.count(old) == 1
    cell.source = cell.source.replace(old, new)
    failed = failures(executed(notebook, tmp_path, monkeypatch))
    assert {error for error, _ in failed} == ({"AssertionError"} if name in OWN_NUMBERS else set())
    assert all(TAG in cell.metadata["tags"] for _, cell in failed)
