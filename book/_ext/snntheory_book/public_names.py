"""Cross-references by identity: ``snntheory.discretize`` finds ``snntheory.linear.discretize``.

A name is documented once, where its room offers it. A docstring may call it by any path under which Python finds the
same object, also relative to the module that it stands in. An object that exists but is not on the page (a detail of
the implementation) is shown as code without a link; a path that leads nowhere stays a warning.
"""

import re
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


def possible_paths(target: str, source: str | None) -> list[str]:
    """Dotted paths that a reference may mean, the most specific first.

    Parameters
    ----------
    target : str
        What the docstring says.
    source : str or None
        Where Sphinx found it: ``"/…/network.py:docstring of snntheory.training.network.Network"``.
    """
    found = re.search(r"docstring of ([\w.]+)", source or "")
    parts = found[1].split(".") if found else [PACKAGE]
    return [target, *(".".join([*parts[:length], target]) for length in range(len(parts), 0, -1))]


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Node
) -> nodes.Node | None:
    """Link an unresolved Python reference to the documented alias (event ``missing-reference``)."""
    if node.get("refdomain") != "py":
        return None
    for path in possible_paths(node.get("reftarget", ""), node.source):
        wanted = find_object(path) if path.startswith(f"{PACKAGE}.") else None
        if wanted is None:
            continue
        for name, entry in env.domaindata["py"]["objects"].items():
            if name.split(".")[-1] == path.split(".")[-1] and find_object(name) is wanted:
                return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, name)
        return contnode
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
