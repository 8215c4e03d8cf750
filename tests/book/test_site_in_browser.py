"""The built site in a real browser: headless Chromium, from file:// and from a server on this machine."""

import functools
import http.server
import threading
from pathlib import Path

import pytest
from write_notebooks import toc_files

ROOT = Path(__file__).resolve().parents[2]
PAGES = toc_files(ROOT / "book" / "_toc.yml")
SOURCES = {name: (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8") for name in PAGES}
WITH_MATHS = [name for name, text in SOURCES.items() if "$" in text or "{math}" in text]
CHAPTERS = [name for name, text in SOURCES.items() if "{code-cell}" in text]
WAIT = 15_000  # milliseconds for one page; a page takes about one second

pytestmark = pytest.mark.site


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A file server that does not report its requests."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address(site):
    """The site's address on a local server."""
    handler = functools.partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def visit(browser):
    """A function that opens a page and records requests that leave it, and errors of its scripts."""
    contexts = []

    def open_page(url, scheme="light", width=1280):
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.outside, page.faults = [], []
        allowed = ("file:", "data:", "blob:", "about:", "http://127.0.0.1:")
        page.on("request", lambda r: None if r.url.startswith(allowed) else page.outside.append(r.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.goto(url, wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()


def rendered_mathematics(page):
    """Wait until MathJax has finished; numbers of formulas in the source, drawn, and in error."""
    page.wait_for_function("() => window.MathJax && MathJax.startup && MathJax.startup.promise")
    page.evaluate("() => MathJax.startup.promise.then(() => true)")
    return page.evaluate(
        """() => ({
            asked: document.querySelectorAll('.math').length,
            drawn: document.querySelectorAll('mjx-container svg').length,
            errors: [...document.querySelectorAll('mjx-merror, [data-mml-node="merror"]')].map(e => e.textContent),
        })"""
    )


@pytest.mark.parametrize("name", WITH_MATHS)
def test_mathematics_is_rendered_from_files(site, visit, name):
    """Without any server or network, every formula is drawn and none is an error."""
    page = visit((site / f"{name}.html").as_uri())
    found = rendered_mathematics(page)
    assert found["asked"] > 0 and found["drawn"] >= found["asked"] and found["errors"] == []
    assert page.outside == [] and page.faults == []


@pytest.mark.parametrize("name", PAGES)
def test_served_page_asks_for_nothing_outside(address, visit, name):
    """No request leaves the page, no script fails, and the first heading is visible."""
    page = visit(f"{address}/{name}.html")
    assert page.locator("article h1").first.is_visible()
    assert page.outside == [] and page.faults == []


@pytest.mark.parametrize("name", PAGES)
def test_phone_shows_the_page_without_sideways_scrolling(site, visit, name):
    """At 390 pixels the page is no wider than the screen (wide equations and tables scroll by themselves)."""
    page = visit((site / f"{name}.html").as_uri(), width=390)
    if name in WITH_MATHS:
        rendered_mathematics(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", CHAPTERS)
def test_figures_are_visible(site, visit, name, scheme):
    """Every image is loaded, shown at a legible size, on white, and not dimmed."""
    page = visit((site / f"{name}.html").as_uri(), scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    images = page.evaluate(
        """() => [...document.querySelectorAll('article img')].map(image => {
            const style = getComputedStyle(image);
            return {source: image.src, natural: image.naturalWidth, width: image.getBoundingClientRect().width,
                    filter: style.filter, background: style.backgroundColor};
        })"""
    )
    for image in images:
        assert image["natural"] > 0 and image["width"] >= 200, image
        assert image["filter"] == "none", image
        if scheme == "dark":
            assert image["background"] == "rgb(255, 255, 255)", image


def test_search_finds_a_known_word(address, visit):
    """The search page, served, lists the page whose text holds the word, found among others one by one."""
    page = visit(f"{address}/search.html?q=differential")
    page.wait_for_selector("#search-results ul.search li a[href*='introduction.html']")
    assert page.outside == []


def test_search_reports_an_unknown_word(address, visit):
    """The counterpart: nonsense finds nothing, so the test above can fail."""
    page = visit(f"{address}/search.html?q=xyzzyplugh")
    page.wait_for_function(
        "() => /did not match any/.test(document.querySelector('#search-results').textContent)"
    )
    assert page.locator("#search-results ul.search li").count() == 0


@pytest.mark.parametrize("name", CHAPTERS[:1])
def test_notebook_is_downloaded_from_the_menu(address, visit, tmp_path, name):
    """The entry .ipynb of the download menu delivers the executed notebook."""
    page = visit(f"{address}/{name}.html")
    page.locator(".dropdown-download-buttons > button").first.click()
    link = page.locator("a.btn-download-notebook-button").first
    assert link.is_visible()
    with page.expect_download() as download:
        link.evaluate(
            "link => { link.setAttribute('download', ''); link.removeAttribute('target'); link.click(); }"
        )
    target = tmp_path / "chapter.ipynb"
    download.value.save_as(target)
    assert target.read_bytes().startswith(b"{") and download.value.suggested_filename == f"{name}.ipynb"
