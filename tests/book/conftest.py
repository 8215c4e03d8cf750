"""What the tests of the book share: the paths, the extension on the import path, the built site or a reason."""

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "tests" / "book", ROOT / "book" / "_ext"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site; skipped without one, unless SNNTHEORY_REQUIRE_SITE=1 makes that a failure."""
    folder = ROOT / "_build" / "html"
    if not (folder / "index.html").is_file():
        message = f"{folder / 'index.html'} does not exist: build the book first (make book)"
        if os.environ.get("SNNTHEORY_REQUIRE_SITE") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return folder


FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    """Chromium, the system's own; skipped without one, unless SNNTHEORY_REQUIRE_BROWSER=1 makes that a failure."""

    def missing(reason):
        if os.environ.get("SNNTHEORY_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)

    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: pip install 'snntheory[test]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        missing(f"no browser found, tried {', '.join(names)}: install Debian's chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=FLAGS, timeout=30_000)
        yield chromium
        chromium.close()
