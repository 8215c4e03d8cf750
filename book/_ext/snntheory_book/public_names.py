"""Cross-references by identity: ``snntheory.discretize`` finds ``snntheory.linear.discretize``.

A name is documented once, where its room offers it. A docstring may call it by any path under which Python finds the
same object; a path that leads nowhere, or to an object that the page does not show, stays a warning.
"""

from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

PACKAGE = "snntheory"


def find_object(path: str) -> Any:
    """The object at a dotted path, or None where there is none.

    Parameters
    ----------
    path : str
        For example ``"snntheory.linear.kernel"``; the module part is imported as far as it goes.
    """
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for name in parts[length:]:
            found = getattr(found, name, None)
        return found
    return None


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Node
) -> nodes.Node | None:
    """Link an unresolved Python reference to the documented alias (event ``missing-reference``)."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    modules = [node.get("py:module"), PACKAGE]
    paths = (
        [target]
        if target.startswith(f"{PACKAGE}.")
        else [f"{module}.{target}" for module in modules if module]
    )
    for path in paths:
        wanted = find_object(path)
        if wanted is None:
            continue
        for name, entry in env.domaindata["py"]["objects"].items():
            if name.split(".")[-1] == path.split(".")[-1] and find_object(name) is wanted:
                return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, name)
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
