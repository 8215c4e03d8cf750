"""Mathematics without a network: the vendored MathJax file, checked and copied to ``_static/mathjax``."""

import hashlib
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

FILE = "tex-svg-full.js"
SHA256 = "a4354ff94fd868aea0cc6eaaa79a57fda0588646fc46ee3700a349ee0a11cbe6"


def verify(vendored: Path) -> None:
    """Compare the vendored file with the digest of the published one.

    Parameters
    ----------
    vendored : Path
        The folder that holds the file.

    Raises
    ------
    ExtensionError
        If the file is missing or differs from the published one.
    """
    path = vendored / FILE
    if not path.is_file():
        raise ExtensionError(
            f"{path} is missing: restore it with `git checkout -- {path.name}` in its folder."
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise ExtensionError(
            f"{path} has SHA-256 {found}, expected {SHA256}: it is not mathjax@3.2.2's es5/{FILE}. Restore it from "
            "git, or renew it as its README.md says."
        )


def copy(app: Sphinx) -> None:
    """Check and copy the file before any page is written (event ``builder-inited``).

    It is not in ``book/_static`` because Jupyter Book puts every script there into every page, a second time and
    before its configuration.
    """
    if app.builder.format != "html":
        return
    vendored = Path(app.srcdir) / "_vendor" / "mathjax"
    verify(vendored)
    target = Path(app.outdir) / "_static" / "mathjax"
    target.mkdir(parents=True, exist_ok=True)
    for name in (FILE, "LICENSE"):
        shutil.copyfile(vendored / name, target / name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", copy)
    return {"parallel_read_safe": True}
