"""Links between chapters and the page of the package, both ways, from what the chapters' cells use.

An entry of the package's page ends with the chapters that use it. In a chapter the first mention of a function or
class that its cells use leads to its entry, and the summary lists all of them. Nothing of this is written by hand, so
nothing of it grows old.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

from .chapter_names import chapter_code, used_paths
from .public_names import find_object

KINDS = {"function", "class", "exception", "data"}
EVERYWHERE = {"snntheory.plotting.use_style"}  # the first cell of every chapter
Uses = dict[str, dict[str, str]]  # page: {how its cells call an object: its name on the package's page}


def documented(app: Sphinx) -> dict[int, str]:
    """Identity of every documented object, and the first name under which the package's page has it."""
    if not hasattr(app, "_snntheory_documented"):
        found: dict[int, str] = {}
        for name, entry in app.env.domaindata["py"]["objects"].items():
            known = find_object(name) if entry.objtype in KINDS else None
            if known is not None and not isinstance(known, int | float | str):
                found.setdefault(id(known), name)
        app._snntheory_documented = found  # type: ignore[attr-defined]
    return app._snntheory_documented


def uses(app: Sphinx) -> Uses:
    """The documented objects that each chapter uses, in the order of the book; computed once in a build."""
    if not hasattr(app, "_snntheory_uses"):
        names, found = documented(app), {}
        for page in app.env.toctree_includes.get(app.config.root_doc, []):
            paths = used_paths(chapter_code(Path(app.env.doc2path(page))))
            objects = {written: find_object(path) for written, path in paths.items()}
            found[page] = {w: names[id(each)] for w, each in objects.items() if id(each) in names}
        app._snntheory_uses = found  # type: ignore[attr-defined]
    return app._snntheory_uses


def joined(links: list[nodes.Node]) -> list[nodes.Node]:
    """Links with commas between them and a full stop behind."""
    parts: list[nodes.Node] = []
    for link in links:
        parts += [link, nodes.Text(", ")]
    return [*parts[:-1], nodes.Text(".")]


def name_chapters(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Say below each entry of the package's page which chapters use it."""
    for entry in doctree.findall(addnodes.desc):
        signature, content = entry[0], entry[-1]
        shown = f"{signature.get('module')}.{signature.get('fullname')}"
        name = documented(app).get(
            id(find_object(shown)), shown
        )  # an entry may be another name of one above it
        pages = [p for p, names in uses(app).items() if name in names.values()]
        if not pages or name in EVERYWHERE or entry.get("objtype") not in KINDS:
            continue
        titles = [(p, app.env.titles[p].astext()) for p in pages]
        links = [make_refnode(app.builder, page, p, "", nodes.Text(title)) for p, title in titles]
        line = nodes.paragraph("", "", nodes.Text("In the book: "), *joined(links), classes=["in-the-book"])
        members = [k for k, node in enumerate(content) if isinstance(node, addnodes.desc)]
        content.insert(members[0] if members else len(content), line)


def entry_link(app: Sphinx, page: str, name: str, shown: nodes.Node) -> nodes.Node:
    """A link to an object's entry on the package's page."""
    entry = app.env.domaindata["py"]["objects"][name]
    return make_refnode(app.builder, page, entry.docname, entry.node_id, shown, name)


def link_first_mentions(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Make the first mention in the prose of each object that the chapter uses a link."""
    linked: set[str] = set()
    for node in list(doctree.findall(nodes.literal)):
        names = uses(app)[page]
        name = names.get(node.astext().removesuffix("()"))
        above: nodes.Node | None = node.parent
        while above is not None and not isinstance(above, nodes.reference | nodes.title | nodes.caption):
            above = above.parent
        if name is None or name in linked or name in EVERYWHERE or above is not None:
            continue
        linked.add(name)
        node.replace_self(entry_link(app, page, name, node.deepcopy()))


def list_names(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """List what the chapter uses, as it calls it, at the end of its summary, above "Next"."""
    written = {name: call for call, name in reversed(uses(app)[page].items()) if name not in EVERYWHERE}
    names = sorted(written, key=lambda name: written[name].lower())
    for node in doctree.findall(nodes.paragraph):
        marked = [part.astext() for part in node.children if isinstance(part, nodes.strong)]
        if names and marked[:1] == ["Next"]:
            links = [entry_link(app, page, each, nodes.literal(text=written[each])) for each in names]
            line = nodes.paragraph(
                "", "", nodes.strong(text="In the package"), nodes.Text(": "), *joined(links)
            )
            line["classes"].append("in-the-package")
            node.parent.insert(node.parent.index(node), line)
            return


def link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Add the links of a page (event ``doctree-resolved``)."""
    if any(entry.get("domain") == "py" for entry in doctree.findall(addnodes.desc)):
        name_chapters(app, doctree, page)
    if uses(app).get(page):
        link_first_mentions(app, doctree, page)
        list_names(app, doctree, page)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
