"""Chapters and the page of the package refer to each other; the index leads from words to chapters."""

import ast
import re
from pathlib import Path

import chapters
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.utils import new_document
from snntheory_book.chapter_names import used_paths
from snntheory_book.cross_links import EVERYWHERE
from snntheory_book.public_names import find_object
from snntheory_book.term_index import occurs, places
from sphinx import addnodes
from write_notebooks import toc_files

ROOT = Path(__file__).resolve().parents[2]
PAGES = toc_files(ROOT / "book" / "_toc.yml")
CHAPTERS = [n for n in PAGES if "{code-cell}" in (ROOT / "book" / f"{n}.md").read_text(encoding="utf-8")]


def test_used_paths():
    """Names, attributes of modules and other names for them; not what is imported and never read, nor numpy."""
    code = """
import numpy as np
import snntheory.nir as exchange
from snntheory import CubaLIF, linear
from snntheory.gradients import fidelity as measure
from snntheory.linear import kernel, response
kernel(CubaLIF(0.02, 0.01), np.arange(3))
measure.cosine(1, 2)
linear.frameworks.get("x").name
exchange.read_as
"""
    found = used_paths(code)
    assert list(found) == [
        "kernel",
        "CubaLIF",
        "measure",
        "measure.cosine",
        "linear",
        "linear.frameworks",
        "linear.frameworks.get",
        "exchange",
        "exchange.read_as",
    ]
    assert found["kernel"] == "snntheory.linear.kernel" and found["CubaLIF"] == "snntheory.CubaLIF"
    assert found["measure.cosine"] == "snntheory.gradients.fidelity.cosine"
    assert found["linear.frameworks.get"] == "snntheory.linear.frameworks.get"
    assert found["exchange.read_as"] == "snntheory.nir.read_as"


@pytest.mark.parametrize(
    ("term", "text", "there"),
    [
        ("pole", "two poles.", True),
        ("pole", "polemics", False),
        ("pole", "a two-pole filter", False),
        ("Parker-Sochacki", "the parker-sochacki method", True),
        ("reset", "(reset)", True),
        ("reset", "presets", False),
    ],
)
def test_occurs(term, text, there):
    assert occurs(term, text) is there


def page_of_two_sections():
    """A title, a section that mentions poles, one with a heading about them, one with a marked word."""
    tree = new_document("page.md")
    for name, text in (("Top", "Nothing."), ("First", "It has poles."), ("The pole again", "No more.")):
        tree += nodes.section("", nodes.title(text=name), nodes.paragraph(text=text), ids=[name.lower()[:5]])
    marked = addnodes.pending_xref("", nodes.inline(text="grids"), reftype="term", reftarget="Grid")
    tree[0] += nodes.paragraph("", "", marked)
    return tree


def test_places_of_a_term():
    """Headings and marked words count on every page; where it is explained, a mention does, or the page itself."""
    tree = page_of_two_sections()
    assert places("pole", "page", tree, False) == [("page", "the p", "The pole again")]
    assert places("grid", "page", tree, False) == [("page", "top", "Top")]
    assert places("it", "page", tree, False) == []
    assert places("it", "page", tree, True) == [("page", "first", "First")]
    assert places("absent", "page", tree, True) == [("page", "top", "Top")]


@pytest.fixture(scope="module")
def soups(site):
    """The pages of the book and the index, parsed."""
    names = [*PAGES, "genindex"]
    return {
        name: BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        for name in names
    }


def from_package(name):
    """Local names that a chapter's cells import from the package and read, with the objects behind them."""
    cells = [cell for cell in chapters.read_chapter(ROOT / "book" / f"{name}.md").cells if cell.source]
    imports = [n for cell in cells for n in ast.walk(cell.tree) if isinstance(n, ast.ImportFrom)]
    read = {n.id for cell in cells for n in ast.walk(cell.tree) if isinstance(n, ast.Name)}
    pairs = [(alias.name, alias.asname or alias.name, n.module) for n in imports for alias in n.names]
    return {
        name: find_object(f"{module}.{name}")
        for name, local, module in pairs
        if module.startswith("snntheory") and local in read
    }


@pytest.mark.site
@pytest.mark.parametrize("name", [name for name in CHAPTERS if name != "introduction"])
def test_chapter_and_package_link_each_other(soups, name):
    """What a chapter imports and the package's page documents: the chapter leads there, and its entry leads back."""
    entries = {tag["id"]: tag for tag in soups["api"].select("dt.sig[id]")}
    known = {id(find_object(entry)): entry for entry in reversed(entries)}  # the first of several names
    wanted = {known[id(each)] for each in from_package(name).values() if id(each) in known} - EVERYWHERE
    assert len(wanted) >= 2
    missing = [
        entry for entry in wanted if not entries[entry].parent.select(f'p.in-the-book a[href^="{name}.html"]')
    ]
    assert missing == []
    if name != "introduction":
        linked = {
            a["href"].split("#")[1] for a in soups[name].select('p.in-the-package a[href^="api.html#"]')
        }
        assert wanted <= linked <= set(entries)


@pytest.mark.site
def test_first_mentions_are_links(soups):
    """Of a chapter whose prose names what its cells use, by its name alone; later mentions are plain."""
    article = soups["below_threshold"].select_one("article")
    mentions = [code for code in article.select("p code") if code.get_text() == "response"]
    inside = [
        bool(code.find_parent("a")) for code in mentions if not code.find_parent(class_="in-the-package")
    ]
    assert inside and inside == [True] + [False] * (len(inside) - 1)
    assert article.select_one("h1 a code, h2 a code, figcaption a code") is None


@pytest.mark.site
def test_index_is_in_the_navigation_of_every_page(soups):
    """Last of the appendices, with a name."""
    for name, soup in soups.items():
        links = [a for a in soup.select("nav a[href]") if re.match(r"genindex\.html|#$", a["href"])]
        assert any("Index" in a.get_text() for a in links), name


@pytest.mark.site
def test_terms_of_the_index_lead_to_the_glossary_and_to_chapters(soups):
    """Every term of the glossary; to each chapter that its entry names, at a section that exists."""
    below = {
        item.a.get_text().strip(): [a["href"] for a in item.select("a[href]")]
        for item in soups["genindex"].select("table.genindextable > tr > td > ul > li")
        if item.a
    }
    for definition in soups["glossary"].select("dl.glossary > dd"):
        term = definition.find_previous_sibling("dt")
        name = term.find(string=True, recursive=False).strip().replace("’", "'")
        links = below[name]
        assert f"glossary.html#{term['id']}" in links
        for page in {a["href"] for a in definition.select('a[href$=".html"]')}:
            assert any(link.startswith(f"{page}#") for link in links), (name, page)
    for links in below.values():
        for page, anchor in (link.split("#") for link in links if not link.startswith("api.html")):
            assert soups[page.removesuffix(".html")].find(id=anchor) is not None, (page, anchor)
