"""The tables of the appendix on reproducibility: what this build was made with.

``{reproducibility} build``, ``chapters`` or ``artefacts``. The tables are filled in when the page is written:
the run times are known only when every chapter has been executed.
"""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx

from .digest import sources_digest
from .parallel_execution import processors

LIBRARIES = (
    "numpy", "scipy", "sympy", "mpmath", "pywavelets", "xarray", "h5netcdf", "matplotlib", "numba", "torch",
    "jupyter-book", "myst-nb",
)  # fmt: skip
Rows = list[list[str]]


def build_rows(root: Path) -> Rows:
    """What was built with what, on what kind of machine."""
    import snntheory

    rows = [
        ["snntheory", str(snntheory.__version__)],
        ["digest of package, recorded results and locked versions", sources_digest(root)],
        ["Python", platform.python_version()],
        ["machine", f"{platform.system()}, {platform.machine()}, {processors()} processors, no GPU used"],
        ["threads of a chapter", os.environ.get("OMP_NUM_THREADS", "as many as the libraries choose")],
    ]
    return rows + [[name, version(name).split("+")[0]] for name in LIBRARIES]


def seed_of(text: str) -> str:
    """The seed of a chapter's generator, from its first cell."""
    found = re.search(r"^rng = np\.random\.default_rng\((\d+)\)", text, re.M)
    return found[1] if found else "none"


def chapter_rows(app: Sphinx) -> Rows:
    """Title, seed and run time of every chapter that was executed."""
    data = NbMetadataCollector.get_doc_data(app.env)
    rows = []
    for name in sorted(data):
        seconds = (data[name].get("exec_data") or {}).get("runtime")
        if seconds is not None:
            text = (Path(app.srcdir) / f"{name}.md").read_text(encoding="utf-8")
            rows.append([app.env.titles[name].astext(), seed_of(text), f"{seconds:.0f} s"])
    return rows


def artefact_rows() -> Rows:
    """Command, seed, machine time and digest of every recorded result."""
    from snntheory import artefacts

    rows = []
    for name in artefacts.names():
        facts = artefacts.provenance(name)
        settings = facts.get("settings") or {}
        seeds = [f"{key} {value}" for key, value in settings.items() if "seed" in key]
        seconds = facts.get("wall_seconds")
        time = "" if seconds is None else f"{seconds:.0f} s"
        rows.append(
            [name, str(facts.get("command", "")), ", ".join(seeds), time, str(facts.get("sha256", ""))[:16]]
        )
    return rows


HEADS = {
    "build": ["part", "version"],
    "chapters": ["chapter", "seed", "run time"],
    "artefacts": ["name", "command", "seed", "time to make", "SHA-256 (first digits)"],
}


def table(head: list[str], rows: Rows) -> nodes.table:
    """A table of plain text."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    for kind, lines in ((nodes.thead, [head]), (nodes.tbody, rows)):
        part = kind()
        for line in lines:
            row = nodes.row()
            row += [nodes.entry("", nodes.paragraph(text=text)) for text in line]
            part += row
        group += part
    return nodes.table("", group)


class placeholder(nodes.General, nodes.Element):
    """Where a table will stand."""


class ReproducibilityTable(Directive):
    """``{reproducibility} build``, ``chapters`` or ``artefacts``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        which = self.arguments[0]
        if which not in HEADS:
            raise self.error(f"reproducibility must be one of {', '.join(HEADS)}, got {which!r}")
        return [placeholder(which=which)]


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the tables in the place of their marks (event ``doctree-resolved``)."""
    root = Path(app.srcdir).parent
    for node in list(doctree.findall(placeholder)):
        which = node["which"]
        made: dict[str, Any] = {
            "build": lambda: build_rows(root),
            "chapters": lambda: chapter_rows(app),
            "artefacts": artefact_rows,
        }
        node.replace_self(table(HEADS[which], made[which]()))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.add_node(placeholder)
    app.add_directive("reproducibility", ReproducibilityTable)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True}
