"""Every page of the built site under axe-core, a checker of the accessibility guidelines (WCAG), in light and dark."""

from pathlib import Path

import pytest
from write_notebooks import toc_files

ROOT = Path(__file__).resolve().parents[2]
PAGES = toc_files(ROOT / "book" / "_toc.yml")
# What is not ours to mend, and why it does no harm.
THEME = {
    "region": "the theme puts the book's title above its sidebar's navigation, outside of a landmark",
    "empty-table-header": "pandas leaves the head of the index column empty",
    "scrollable-region-focusable": "what is too wide, a formula or a table, scrolls, and browsers focus it by now",
    "landmark-unique": "the theme has two navigations of one name where a page has a contents list",
}

pytestmark = [pytest.mark.site, pytest.mark.slow]


@pytest.fixture(scope="module", params=["light", "dark"])
def tab(browser, request):
    """One tab for all pages: starting one takes longer than checking a page."""
    context = browser.new_context(color_scheme=request.param, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible(site, tab, name):
    """Alternative texts, contrast, headings, labels, roles, tables: nothing that the checker objects to."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab.goto((site / f"{name}.html").as_uri())
    tab.evaluate("() => window.MathJax?.startup ? MathJax.startup.promise.then(() => true) : true")
    options = {"resultTypes": ["violations"], "iframes": False}
    if (
        name == "api"
    ):  # hundreds of signatures: contrast alone would take minutes, and is the same on the other pages
        options["rules"] = {"color-contrast": {"enabled": False}}
    # xarray draws its own tables, with colours of its own
    found = axe.run(tab, context={"exclude": [[".xr-wrap"]]}, options=options).response["violations"]
    faults = {
        violation["id"]: [(node["target"], node["html"][:120]) for node in violation["nodes"][:3]]
        for violation in found
        if violation["id"] not in THEME
    }
    assert faults == {}


def test_the_checker_objects(browser):
    """The counterpart: a picture without alternative text, pale letters, a level of headings left out."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = browser.new_page()
    page.set_content(
        '<html lang="en"><title>x</title><main><h1>A</h1><h4>B</h4>'
        '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
        '<p style="color:#bbb;background:#fff">pale</p></main></html>'
    )
    found = {violation["id"] for violation in axe.run(page).response["violations"]}
    page.close()
    assert {"image-alt", "color-contrast", "heading-order"} <= found
