"""Nothing in the built site tells where on whose machine it was built."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.site


def test_no_file_names_the_folder_it_was_built_in(site):
    """Pages, notebooks, the search index: neither the repository's folder nor a home folder.

    A default value that is a path shows it in a signature, unless autodoc keeps defaults as they are written.
    """
    folders = [str(ROOT), str(Path.home())] if len(Path.home().parts) > 2 else [str(ROOT)]
    files = [path for end in ("*.html", "*.ipynb", "*.js", "*.md") for path in site.rglob(end)]
    assert len(files) > 50
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        found = [name for name in folders if name + os.sep in text]
        assert found == [], f"{path.relative_to(site)}; is autodoc_preserve_defaults set in _config.yml?"
