"""Chapters that are not in the execution cache are executed beside each other before Sphinx reads the first page.

myst-nb executes a chapter when Sphinx reads its page, one after the other. Here the same cells go through the same
function into the same cache, one kernel a processor; myst-nb then finds every chapter there. A chapter that fails is
not put into the cache: myst-nb executes it again and reports it as it always does.
"""

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import create_nb_reader
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
MOST = 4  # kernels: each may hold some hundred megabytes


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def missing_notebooks(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> dict[str, NotebookNode]:
    """Notebooks among the pages that will be read whose cells are not in the cache, by the path of their source."""
    cache = get_cache(app.config["nb_execution_cache_path"])
    missing = {}
    for name in docnames:
        path = env.doc2path(name)
        text = Path(path).read_text(encoding="utf-8")
        reader = create_nb_reader(path, env.myst_config, env.mystnb_config, text)
        if reader is None:
            continue
        notebook = reader.read(text)
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            missing[str(path)] = notebook
    return missing


def execute_chapters(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Fill the cache (event ``env-before-read-docs``)."""
    for name in THREADS:  # of the kernels: one each, whether they run beside each other or not
        os.environ.setdefault(name, "1")
    kernels = min(processors(), MOST)
    missing = missing_notebooks(app, env, docnames) if kernels > 1 else {}
    if len(missing) < 2:
        return
    cache = get_cache(app.config["nb_execution_cache_path"])

    def execute(notebook: NotebookNode):
        with TemporaryDirectory() as folder:
            return single_nb_execution(
                notebook, cwd=folder, timeout=env.mystnb_config.execution_timeout, allow_errors=False
            )

    LOGGER.info("executing %d chapters, %d at a time", len(missing), kernels)
    with ThreadPoolExecutor(kernels) as pool:
        running = {pool.submit(execute, notebook): path for path, notebook in missing.items()}
        for done in as_completed(running):
            path, result = running[done], done.result()
            if result.err is not None:
                LOGGER.info("%s failed; it is executed again to report how", Path(path).name)
                continue
            cache.cache_notebook_bundle(
                CacheBundleIn(result.nb, path, data={"execution_seconds": result.time}),
                check_validity=False,
                overwrite=True,
            )
            LOGGER.info("%s: %.0f s", Path(path).name, result.time)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect after matplotlib's fonts are ready (`execution_cache`, at the default priority of 500)."""
    app.connect("env-before-read-docs", execute_chapters, priority=600)
    return {"parallel_read_safe": True}
