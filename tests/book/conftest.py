"""What the tests of the book share: the paths, the extension on the import path, the built site or a reason."""

import os
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
