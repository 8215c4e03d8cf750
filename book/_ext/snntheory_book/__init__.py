"""The book's own Sphinx extension: one concern a module, each with its own ``setup``.

Modules without a ``setup`` (``profile``, ``digest``, ``rerun``, ``readable``, ``labels``, ``chapter_names``) are plain
functions that the extensions and the tests share.
"""

from sphinx.application import Sphinx

EXTENSIONS = (
    "execution_cache",
    "parallel_execution",
    "mathjax",
    "downloads",
    "strictness",
    "offline",
    "execution_times",
    "reproducibility",
    "accessibility",
    "docstrings",
    "public_names",
    "cross_links",
    "term_index",
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Set up every extension of this package."""
    for name in EXTENSIONS:
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": False}
