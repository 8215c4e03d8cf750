"""The built book fetches nothing from outside: checked in every page when the build has finished."""

from html.parser import HTMLParser
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

# Elements whose address a browser fetches by itself when it shows a page. An <a> is followed by the reader only.
FETCHED = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "object": ("data",),
    "embed": ("src",),
}


class _Addresses(HTMLParser):
    """Collect the outside addresses in the elements of `FETCHED`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "link" and attributes.get("rel") == "canonical":
            return  # a statement about the page, not a resource of it
        for name in FETCHED.get(tag, ()):
            value = (attributes.get(name) or "").strip()
            if value.lower().startswith(("http:", "https:", "//")):
                self.found.append(f"<{tag} {name}={value!r}>")


def outside_addresses(html: str) -> list[str]:
    """Elements of a page that a browser would fetch from outside.

    Parameters
    ----------
    html : str
        The page's text.

    Returns
    -------
    list[str]
        One short description an element; empty for a page that works offline.
    """
    parser = _Addresses()
    parser.feed(html)
    parser.close()
    return parser.found


def check(app: Sphinx, exception: Exception | None) -> None:
    """Fail the build if a page refers to an outside resource (event ``build-finished``)."""
    if exception is not None or app.builder.format != "html":
        return
    faults = []
    for page in sorted(Path(app.outdir).glob("*.html")):
        faults += [f"{page.name}: {found}" for found in outside_addresses(page.read_text(encoding="utf-8"))]
    if faults:
        raise ExtensionError(
            "the built book would fetch from outside:\n  " + "\n  ".join(faults) + "\nVendor the resource."
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True}
