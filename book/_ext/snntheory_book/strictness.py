"""An incremental build is as strict, and as complete, as one from nothing."""

from collections.abc import Iterable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

from .digest import files_digest, machinery_files

GENERATED = {"genindex", "search", "index", "py-modindex"}  # pages without a source


def note_machinery(app: Sphinx, config: Config) -> None:
    """Read all pages again when the extension or the style sheet has changed (event ``config-inited``).

    Sphinx copies static files only in a build that writes a page: a changed style sheet alone would not arrive.
    """
    root = Path(app.srcdir).parent
    config["snntheory_book_machinery"] = files_digest(root, machinery_files(root))


def forget_failed_build(app: Sphinx, exception: Exception | None) -> None:
    """Delete Sphinx's record of what it has read after a build with a warning (event ``build-finished``).

    Sphinx warns about a page when it reads it. The next build would not read an unchanged page, would therefore not
    warn, and would pass. Cells are not executed again: their outputs are in the execution cache.
    """
    if exception is not None or app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def rewrite_all(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Write every page when any has been read (event ``env-updated``).

    Titles appear in the sidebars of all pages; Sphinx would leave those of unchanged pages as they were.
    """
    return sorted(env.found_docs) if getattr(app, "_snntheory_read", False) else []


def note_reading(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Remember whether this build reads a page (event ``env-before-read-docs``)."""
    removed = {path.stem for path in Path(app.doctreedir).glob("*.doctree")} - env.found_docs
    app._snntheory_read = bool(docnames or removed)  # type: ignore[attr-defined]


def remove_orphans(app: Sphinx, exception: Exception | None) -> None:
    """Remove pages and notebooks of chapters that no longer exist (event ``build-finished``)."""
    if exception is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    known = set(app.env.found_docs) | GENERATED
    for folder, suffix in ((out, ".html"), (out / "_sources", ".ipynb"), (out / "_sources", ".md")):
        for path in folder.glob(f"*{suffix}"):
            if path.stem not in known:
                path.unlink()
    for doctree in Path(app.doctreedir).glob("*.doctree"):
        if doctree.stem not in app.env.found_docs:
            doctree.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.add_config_value("snntheory_book_machinery", "", "env", [str])
    app.connect("config-inited", note_machinery)
    app.connect("env-before-read-docs", note_reading)
    app.connect("env-updated", rewrite_all)
    app.connect("build-finished", remove_orphans)
    # Last of all, so that it also sees what other listeners of the same event warn about.
    app.connect("build-finished", forget_failed_build, priority=999)
    return {"parallel_read_safe": True}
