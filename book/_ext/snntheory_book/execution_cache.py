"""Execution cache keyed by the package's sources: a changed package re-executes every chapter.

myst-nb's own cache looks only at a chapter's cells, so a chapter would keep its old numbers after the package had
changed. Here the cache's *path* carries the digest of the sources. ``nb_execution_cache_path`` is a value that Sphinx
rebuilds the environment for, so a new path also makes Sphinx read all pages again; an unchanged one reads none.
"""

import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from .digest import sources_digest
from .profile import build_profile

LOGGER = logging.getLogger(__name__)
KEPT = (
    2  # caches kept of each profile: the present one, and the one before (switching branches there and back)
)


def cache_path(root: Path, build: Path) -> Path:
    """Folder of the execution cache for the present sources and profile.

    Parameters
    ----------
    root : Path
        The repository's root folder.
    build : Path
        The build folder (``_build``).
    """
    return build / ".jupyter_cache" / f"{build_profile()}-{sources_digest(root)}"


def prune(present: Path, kept: int = KEPT) -> list[Path]:
    """Delete all but the newest caches of the present profile.

    Parameters
    ----------
    present : Path
        The present cache's folder. It counts as the newest.
    kept : int
        How many caches of this profile stay.

    Returns
    -------
    list[Path]
        The folders that were deleted.
    """
    if not present.parent.is_dir():
        return []
    profile = present.name.rsplit("-", 1)[0]
    others = [
        path for path in present.parent.glob(f"{profile}-*") if path.is_dir() and path.name != present.name
    ]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    obsolete = others[max(kept - 1, 0) :]
    for path in obsolete:
        shutil.rmtree(path)
    return obsolete


def set_cache_path(app: Sphinx, config: Config) -> None:
    """Point myst-nb to the cache of the present sources (event ``config-inited``)."""
    root = Path(app.srcdir).parent
    path = cache_path(root, Path(app.outdir).parent)
    path.mkdir(parents=True, exist_ok=True)
    path.touch()  # the time of last use, by which `prune` orders
    config["nb_execution_cache_path"] = str(path)
    for old in prune(path):
        LOGGER.info("Deleted an old execution cache: %s", old.name)


def warm_up_matplotlib(app: Sphinx, env: object, docnames: list[str]) -> None:
    """Build matplotlib's font cache before any cell runs (event ``env-before-read-docs``).

    On a fresh machine matplotlib reports that it is building its font cache on the standard error stream of whatever
    imports it first. In a cell this would be a warning, and a strict build would fail the first time only.
    """
    if docnames:
        import matplotlib.font_manager  # noqa: F401


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx; the priority is before myst-nb's own listener."""
    app.connect("config-inited", set_cache_path, priority=100)
    app.connect("env-before-read-docs", warm_up_matplotlib)
    return {"parallel_read_safe": True}
