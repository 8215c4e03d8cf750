"""How long each chapter's cells ran, written as JSON for the tests of the built site."""

import json
import os
from pathlib import Path

from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx

from .profile import build_profile

FILE = "execution_times.json"  # in the build folder, beside html/


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write ``_build/execution_times.json`` (event ``build-finished``).

    A page from the execution cache keeps the time of the run that filled the cache.
    """
    if exception is not None:
        return
    data = NbMetadataCollector.get_doc_data(app.env)
    seconds = {name: entry["exec_data"]["runtime"] for name, entry in data.items() if entry.get("exec_data")}
    path = Path(app.outdir).parent / FILE
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(
        json.dumps({"profile": build_profile(), "unit": "s", "seconds": seconds}, indent=2, sort_keys=True)
        + "\n",
        encoding="utf-8",
    )
    os.replace(temporary, path)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
