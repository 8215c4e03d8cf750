"""The built site as files: complete, without outside addresses or tracebacks, within its budgets."""

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import chapters
import pytest
from bs4 import BeautifulSoup
from snntheory_book.offline import outside_addresses
from write_notebooks import toc_files

ROOT = Path(__file__).resolve().parents[2]
PAGES = toc_files(ROOT / "book" / "_toc.yml")
CHAPTERS = [n for n in PAGES if "{code-cell}" in (ROOT / "book" / f"{n}.md").read_text(encoding="utf-8")]
PAGE_BUDGET = 2_000_000  # bytes of a page and its images, besides the files that all pages share
CHAPTER_SECONDS = 60  # of a chapter by itself, compiled
KERNEL_SECONDS = 960  # of all chapters; two run beside each other, and writing takes two minutes more: 600 s
FIRST_BUILD = (
    2  # in a fresh clone every chapter also compiles what it calls (some 20 to 40 s), beside another one
)

pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def soups(site):
    """Every page of the site, parsed."""
    return {
        path.name: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(site.glob("*.html"))
    }


def article(soup):
    """The page's own content, or an empty list for generated pages such as the redirect."""
    return soup.select_one("article.bd-article") or BeautifulSoup("", "html.parser")


@pytest.mark.parametrize("name", PAGES)
def test_page_of_the_toc_was_built(site, name):
    """A page that is missing from the site would be a dead link in every sidebar."""
    assert (site / f"{name}.html").is_file()


def test_site_is_newer_than_its_sources(site):
    """These tests judge the present chapters, not those of some earlier build."""
    for name in PAGES:
        source, copy = ROOT / "book" / f"{name}.md", site / "_sources" / f"{name}.md"
        assert copy.read_text(encoding="utf-8") == source.read_text(encoding="utf-8"), (
            f"{name} changed: make book"
        )


def test_nothing_is_fetched_from_outside(site):
    """No script, link, image or frame has an http(s) address, and no style sheet imports one."""
    for path in site.glob("*.html"):
        assert outside_addresses(path.read_text(encoding="utf-8")) == [], path.name
    for path in site.rglob("*.css"):
        fetched = re.findall(
            r"(?:@import|url\()\s*['\"]?(?:https?:)?//[^)'\"]+", path.read_text(encoding="utf-8")
        )
        assert fetched == [], path


def test_no_traceback(soups):
    """Neither Python's heading nor the class that marks an error output."""
    for name, soup in soups.items():
        assert "Traceback (most recent call last)" not in soup.get_text(), name
        assert soup.select(".output.traceback, .cell_output .highlight-ipythontb") == [], name
        assert soup.select(".system-message, .problematic") == [], name


def test_every_image_has_an_alternative_text(soups):
    """At least three words: a file's name or "figure" tells a listener nothing."""
    for name, soup in soups.items():
        for image in article(soup).select("figure img, .cell_output img, p img"):
            text = (image.get("alt") or "").strip()
            assert len(text.split()) >= 3 and not text.startswith(("_images", "../")), (
                name,
                image.get("src"),
            )


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_figure_of_a_chapter_is_named_and_captioned(soups, name):
    """Each image of a chapter stands in a figure with an id and a caption."""
    for image in article(soups[f"{name}.html"]).find_all("img"):
        figure = image.find_parent("figure")
        assert figure is not None and figure.get("id"), image.get("src")
        assert figure.figcaption is not None and len(figure.figcaption.get_text().split()) >= 4, figure["id"]


def test_every_internal_link_resolves(site, soups):
    """Files exist, and so do the anchors in them."""
    anchors = {
        name: {tag["id"] for tag in soup.find_all(id=True)}
        | {a["name"] for a in soup.find_all("a", attrs={"name": True})}
        for name, soup in soups.items()
    }
    broken = []
    for name, soup in soups.items():
        for link in soup.find_all("a", href=True):
            parts = urlsplit(link["href"])
            if parts.scheme or parts.netloc:
                continue
            target = unquote(parts.path) or name
            if not (site / target).exists():
                broken.append(f"{name}: {link['href']} (no such file)")
            elif parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]:
                broken.append(f"{name}: {link['href']} (no such anchor)")
    assert broken == []


@pytest.mark.parametrize("name", PAGES)
def test_page_is_small(site, soups, name):
    """The page and its images, besides what all pages share, stay within 2 MB."""
    images = {
        tag["src"]
        for tag in soups[f"{name}.html"].find_all("img", src=True)
        if not tag["src"].startswith("data:")
    }
    size = (site / f"{name}.html").stat().st_size + sum(
        (site / unquote(src)).stat().st_size for src in images
    )
    assert size <= PAGE_BUDGET


@pytest.fixture(scope="module")
def seconds(site):
    """Execution time of every chapter, from the build's own record."""
    record = json.loads((site.parent / "execution_times.json").read_text(encoding="utf-8"))
    assert record["profile"] == "full", (
        "the site was built with a profile; build it without SNNTHEORY_BOOK_PROFILE"
    )
    return record["seconds"]


def test_execution_times(seconds):
    """Every chapter was executed, each within its time, the book within ten minutes on two processors."""
    assert set(seconds) == set(CHAPTERS)
    assert all(value <= FIRST_BUILD * CHAPTER_SECONDS for value in seconds.values()), seconds
    assert sum(seconds.values()) <= KERNEL_SECONDS


@pytest.mark.parametrize("name", CHAPTERS)
def test_stated_run_time_holds(seconds, name):
    """The minutes to run that a chapter states are enough, those of compiling aside."""
    stated = chapters.stated_minutes(chapters.read_chapter(ROOT / "book" / f"{name}.md"))
    stated = (5, 1) if name == "introduction" else stated  # the front page states none
    assert seconds[name] <= FIRST_BUILD * 60 * stated[1]


@pytest.mark.parametrize("name", CHAPTERS)
def test_executed_notebook_is_offered(site, soups, name):
    """The download menu names a notebook that is there, executed from first cell to last, without an error."""
    link = soups[f"{name}.html"].select_one("a.btn-download-notebook-button")
    assert link is not None and link["href"].endswith(".ipynb")
    notebook = json.loads((site / link["href"]).read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code and [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert any(cell["outputs"] for cell in code)
    assert not [o for cell in code for o in cell["outputs"] if o["output_type"] == "error"]


def test_mathjax_is_the_sites_own(site, soups):
    """One script tag on each page that has mathematics, and the file is there."""
    for name in PAGES:
        soup = soups[f"{name}.html"]
        if article(soup).select(".math"):
            sources = [tag["src"] for tag in soup.find_all("script", src=True) if "mathjax" in tag["src"]]
            assert len(sources) == 1 and (site / urlsplit(sources[0]).path).is_file(), name
