"""Each chapter's executed notebook, offered in the page's download menu."""

from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from .readable import readable
from .rerun import tolerant


def is_executed(notebook: nbformat.NotebookNode) -> bool:
    """Whether every code cell has the number that its execution gave it."""
    return all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


def with_outputs(notebook: nbformat.NotebookNode, cache: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs and the numbers of its cells, from the execution cache where it has none.

    Parameters
    ----------
    notebook : NotebookNode
    cache : Path
        Folder of the execution cache.

    Returns
    -------
    NotebookNode

    Raises
    ------
    ExtensionError
        The cells have not been executed and are not in the cache.
    """
    if is_executed(notebook):
        return notebook
    try:
        _, merged = get_cache(cache).merge_match_into_notebook(notebook)
    except KeyError:
        raise ExtensionError(f"no outputs of this notebook are in {cache}; run 'make clean book'") from None
    return merged


def complete_notebook(app: Sphinx, doctree: nodes.document) -> None:
    """Write the outputs into the notebook that myst-nb has just written (event ``doctree-read``).

    From the cache, myst-nb takes the outputs for the page, but writes the notebook as it was before.
    """
    if "kernelspec" not in app.env.metadata.get(app.env.docname, {}):
        return
    path = notebook_path(app, app.env.docname)
    notebook = nbformat.read(path, as_version=4)
    if not is_executed(notebook):
        nbformat.write(with_outputs(notebook, Path(app.config["nb_execution_cache_path"])), path)


def notebook_path(app: Sphinx, name: str) -> Path:
    """Where myst-nb writes a page's notebook."""
    return Path(app.outdir).parent / "jupyter_execute" / f"{name}.ipynb"


def offer_notebook(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Write the executed notebook beside the page's source and name it to the theme (event ``html-page-context``).

    A failing assertion stops the build, but not the reader who has changed a parameter: see `rerun`. Its prose is
    plain Markdown: see `readable`.

    The theme does this itself only where a launch button (Binder, Colab) is configured; without one its menu serves
    the MyST source alone.
    """
    if doctree is None or "kernelspec" not in app.env.metadata.get(pagename, {}):
        return
    target = Path(app.outdir) / "_sources" / f"{pagename}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    notebook = tolerant(nbformat.read(notebook_path(app, pagename), as_version=4))
    nbformat.write(readable(notebook, Path(app.env.doc2path(pagename))), target)
    context["ipynb_source"] = f"{pagename}.ipynb"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect before the theme builds its header buttons (it listens at the default priority, 500)."""
    app.connect("doctree-read", complete_notebook)
    app.connect("html-page-context", offer_notebook, priority=400)
    return {"parallel_read_safe": True}
