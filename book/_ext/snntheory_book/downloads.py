"""Each chapter's executed notebook, offered in the page's download menu."""

import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def offer_notebook(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Copy the executed notebook beside the page's source and name it to the theme (event ``html-page-context``).

    The theme does this itself only where a launch button (Binder, Colab) is configured; without one its menu serves
    the MyST source alone. myst-nb writes the executed notebook to ``_build/jupyter_execute``.
    """
    if doctree is None or "kernelspec" not in app.env.metadata.get(pagename, {}):
        return
    notebook = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"
    target = Path(app.outdir) / "_sources" / f"{pagename}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(notebook, target)
    context["ipynb_source"] = f"{pagename}.ipynb"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect before the theme builds its header buttons (it listens at the default priority, 500)."""
    app.connect("html-page-context", offer_notebook, priority=400)
    return {"parallel_read_safe": True}
