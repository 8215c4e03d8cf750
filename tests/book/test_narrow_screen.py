"""The built site on a phone, 390 pixels wide: what is wide scrolls in a box of its own; letters are legible."""

from pathlib import Path

import pytest
from write_notebooks import toc_files

ROOT = Path(__file__).resolve().parents[2]
PAGES = toc_files(ROOT / "book" / "_toc.yml")
WIDTH = 390

# What reaches beyond the screen and is in no box that scrolls. MathJax keeps a copy for screen readers out of sight.
STICKING_OUT = """() => {
    const article = document.querySelector('article.bd-article'), width = document.documentElement.clientWidth;
    const boxed = element => {
        for (let box = element; box && box !== article; box = box.parentElement)
            if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(box).overflowX)) return true;
        return false;
    };
    return [...article.querySelectorAll('*')]
        .filter(element => !element.closest('mjx-assistive-mml'))
        .filter(element => element.getBoundingClientRect().width > 0)
        .filter(element => element.getBoundingClientRect().right > width + 1 && !boxed(element))
        .map(element => element.tagName + ': ' + element.textContent.trim().slice(0, 60));
}"""

pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def tab(browser):
    """One tab as wide as a phone."""
    context = browser.new_context(viewport={"width": WIDTH, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def show(tab, site, name):
    """Open a page and wait for its mathematics and images."""
    tab.goto((site / f"{name}.html").as_uri())
    tab.evaluate("() => window.MathJax?.startup ? MathJax.startup.promise.then(() => true) : true")
    tab.wait_for_function("() => [...document.images].every(image => image.complete)")
    return tab


FIGURES = """() => [...document.querySelectorAll('article .cell_output figure:has(> img)')].map(figure => {
    const image = figure.querySelector(':scope > img'), caption = figure.querySelector('figcaption');
    return [image.getBoundingClientRect().width, image.naturalWidth, caption.getBoundingClientRect().right];
})"""


@pytest.mark.parametrize("name", PAGES)
def test_page_is_readable_on_a_phone(site, tab, name):
    """Neither the page scrolls sideways nor the text as a whole, which would hide the page's own overflow.

    Figures are 30 rem wide, in a box that scrolls, unless they are smaller by nature; captions stay on the screen.
    """
    page = show(tab, site, name)
    assert page.evaluate(STICKING_OUT) == []
    inner, outer = page.evaluate(
        "() => {const a = document.querySelector('article.bd-article'); return [a.scrollWidth, a.clientWidth]}"
    )
    assert inner <= outer <= WIDTH
    for width, natural, caption in page.evaluate(FIGURES):
        assert width >= min(480, natural) - 1 and caption <= WIDTH


SCROLLING = """() => [...document.querySelectorAll('*:has(> .snntheory-figure)')].filter(
    box => ['auto', 'scroll'].includes(getComputedStyle(box).overflowY) && box.scrollHeight > box.clientHeight
).length"""


@pytest.mark.parametrize("width", [WIDTH, 1280])
def test_front_figure_has_no_scroll_bar_of_its_own(site, browser, width):
    """Neither on a phone nor on a small laptop: a height that is no whole number of pixels would give it one."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    try:
        page = show(context.new_page(), site, "introduction")
        assert page.locator(".snntheory-figure").count() == 1
        assert page.evaluate(SCROLLING) == 0
    finally:
        context.close()


def test_search_works_from_a_disk(site, tab):
    """Opened as a file, where a browser lets no script read another page: the list is there, without excerpts.

    The page adds its finds one by one, so the link itself is waited for.
    """
    tab.goto((site / "search.html").as_uri() + "?q=differential")
    tab.wait_for_selector("#search-results ul.search li a[href*='introduction.html']")
    assert tab.evaluate("document.documentElement.scrollWidth") <= WIDTH


def test_the_checks_object(tab):
    """The counterpart: a long word outside of a box, and the same word inside of one."""
    word, page = "x" * 200, '<article class="bd-article">{}<pre style="overflow:auto">{}</pre></article>'
    tab.set_content(page.format("short", word))
    assert tab.evaluate(STICKING_OUT) == []
    tab.set_content(page.format(f"<b>{word}</b>", word))
    assert [text[:2] for text in tab.evaluate(STICKING_OUT)] == ["B:"]
