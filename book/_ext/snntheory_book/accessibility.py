"""The list of works as a list: docutils gives its entries a role that the guidelines have withdrawn."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def entries_are_list_items(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """A screen reader announces a list only if its children are items (event ``html-page-context``)."""
    if "body" in context:
        context["body"] = context["body"].replace(' role="doc-biblioentry"', ' role="listitem"')


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("html-page-context", entries_are_list_items)
    return {"parallel_read_safe": True}
