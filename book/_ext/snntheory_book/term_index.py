"""The index: in the navigation, and with the chapters of each term of the glossary.

Sphinx makes the page of the index from the package's functions and the glossary's terms, and links each term to the
glossary. Here each term also gets the sections of the book that explain it: of the page that its entry names, and of
every page that marks the term or has it in a heading.
"""

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PART = "Appendices"
SAME_EVERYWHERE = {"On your own traces", "Exercises", "Summary"}  # headings of every chapter
Place = tuple[str, str, str]  # page, anchor, title of the section


def add_to_navigation(app: Sphinx, doctree: nodes.document) -> None:
    """Name the index as the last page of the appendices (event ``doctree-read``).

    The table of contents can name files only, and the index has none.
    """
    if app.env.docname == app.config.root_doc:
        for toctree in doctree.findall(addnodes.toctree):
            if toctree.get("caption") == PART:
                toctree["entries"].append(("Index", "genindex"))


def explaining_pages(glossary: nodes.document) -> dict[str, list[str]]:
    """The pages that each entry of the glossary names."""
    found = {}
    for item in glossary.findall(nodes.definition_list_item):
        pages = [
            node["reftarget"].lstrip("/")
            for node in item.findall(addnodes.pending_xref)
            if node.get("reftype") == "doc"
        ]
        for term in item.findall(nodes.term):
            found[term.astext().replace("’", "'")] = pages  # as the index has it
    return found


def heading(node: nodes.Node) -> str | None:
    """The title of a section; the content of theorems and exercises is a section without one."""
    titled = isinstance(node, nodes.section) and len(node) and isinstance(node[0], nodes.title)
    return node[0].astext() if titled else None


def own_text(section: nodes.section) -> str:
    """A section's words without its subsections and its code."""
    parts = [node for node in section if heading(node) is None and not isinstance(node, nodes.literal_block)]
    return " ".join(node.astext() for node in parts).lower()


def occurs(term: str, text: str) -> bool:
    """Whether a text has a term, in singular or plural, as whole words; both in lower case."""
    return re.search(rf"(?<![\w-]){re.escape(term.lower())}(s|es)?(?![\w-])", text) is not None


def places(term: str, page: str, doctree: nodes.document, explains: bool) -> list[Place]:
    """Where a page is about a term: headings with it and marked uses; for its own page at least the first mention.

    Parameters
    ----------
    term : str
        As the glossary has it.
    page : str
        The page's name.
    doctree : document
        Before references are resolved.
    explains : bool
        Whether the glossary names this page for the term.
    """
    named = [(section, heading(section)) for section in doctree.findall(nodes.section)]
    titled = [(section, title) for section, title in named if title and title not in SAME_EVERYWHERE]
    found = [(page, section["ids"][0], title) for section, title in titled if occurs(term, title.lower())]
    for node in doctree.findall(addnodes.pending_xref):
        if node.get("reftype") == "term" and node.get("reftarget", "").lower() == term.lower():
            above = node.parent
            while heading(above) is None:
                above = above.parent
            found.append((page, above["ids"][0], str(heading(above))))
    if explains and not found:
        mentions = [(s, title) for s, title in titled if occurs(term, own_text(s))] or titled[:1]
        found = [(page, mentions[0][0]["ids"][0], mentions[0][1])]
    return list(dict.fromkeys(found))


def places_of_terms(env: BuildEnvironment, root: str, glossary: str = "glossary") -> dict[str, list[Place]]:
    """Every term of the glossary with its places, in the order of the book."""
    if glossary not in env.found_docs:
        return {}
    explaining = explaining_pages(env.get_doctree(glossary))
    pages = [
        name for name in env.toctree_includes.get(root, []) if name not in (glossary, "api", "references")
    ]
    doctrees = {name: env.get_doctree(name) for name in pages}
    return {
        term: [
            place for name, tree in doctrees.items() for place in places(term, name, tree, name in explained)
        ]
        for term, explained in explaining.items()
    }


def name_chapters(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the places to the terms of the index (event ``html-page-context``)."""
    if pagename != "genindex":
        return
    found = places_of_terms(app.env, app.config.root_doc)
    for _, entries in context["genindexentries"]:
        for term, (_, below, _) in entries:
            for page, anchor, title in found.get(term, []):
                chapter = app.env.titles[page].astext()
                shown = title if title == chapter else f"{title} ({chapter})"
                below.append((shown, [("", f"{app.builder.get_relative_uri('genindex', page)}#{anchor}")]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect before Sphinx collects the table of contents (it listens at the default priority, 500)."""
    app.connect("doctree-read", add_to_navigation, priority=100)
    app.connect("html-page-context", name_chapters)
    return {"parallel_read_safe": True}
