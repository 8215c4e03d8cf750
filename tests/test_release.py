"""What a release needs: a small wheel that works from an empty folder; a citation file; a way to run the book."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

import snntheory

ROOT = Path(__file__).parents[1]
CODE_BUDGET = 3_000_000  # bytes of a wheel without its artefacts
SOURCE_BUDGET = 15_000_000  # bytes of the source archive, which also holds tests, book and MathJax

BLOCK = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = classmethod(
    lambda cls, name, *rest: None if name.split(".")[0] in {blocked!r} else find(name, *rest)
)
"""  # as if not installed
WITHOUT = ("torch", "numba", "pooch", "triton", "dask", "distributed", "zarr", "neo", "nixio", "pynwb")
COMMAND = "import sys; sys.argv = ['snntheory', *{}]\nfrom snntheory.cli import main\nmain()"
USE = """
import pathlib, snntheory
from snntheory import CubaLIF, artefacts, discretize, load_traces, make_traces, save_traces
assert pathlib.Path(snntheory.__file__).is_relative_to(SITE), snntheory.__file__
assert discretize(CubaLIF(0.02, 0.01), 1e-3, "zoh").is_stable
names = artefacts.names()
assert len(names) > 10 and artefacts.load(names[0]) is not None
from snntheory.plotting import atlas
assert "<script>" in atlas(CubaLIF(0.02, 0.01)).html
from snntheory.training.datasets import mnist_subset
assert len(mnist_subset("test")[1]) == 2000
"""


BUILD = "import setuptools.build_meta as backend, sys; print(backend.build_{kind}(sys.argv[1]))"
LEFT_OUT = ".git .venv .venv-lock _build build dist *.egg-info .*_cache .hypothesis __pycache__ *.py[co] *.tmp *.ipynb"


def build(kind, source, folder):
    """A source archive or a wheel as `python -m build` makes it, with the locked setuptools and no network."""
    pytest.importorskip("setuptools", minversion="77")
    command = [sys.executable, "-c", BUILD.format(kind=kind), str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of the tree: a build leaves folders in its sources."""
    folder = tmp_path_factory.mktemp("sources") / "snntheory"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT.split()), symlinks=True)
    return folder


@pytest.fixture(scope="module")
def sdist(sources, tmp_path_factory):
    """The source archive."""
    return build("sdist", sources, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Built from the unpacked source archive, as an installer would where it finds no wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build("wheel", folder / sdist.name.removesuffix(".tar.gz"), folder)


@pytest.mark.slow
def test_source_archive_holds_package_tests_and_book(sources, sdist):
    """All that is needed to run `make test` and `make book` from it; nothing that a build or an editor left."""
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    wanted = {path.relative_to(sources).as_posix() for path in sources.rglob("*") if path.is_file()}
    wanted = {name for name in wanted if name not in {".gitignore"} and "egg-info" not in name}
    assert wanted - packed == set()
    made = {name for name in packed - wanted if "egg-info" not in name}
    assert made <= {"PKG-INFO", "setup.cfg"}
    assert sdist.stat().st_size < SOURCE_BUDGET


@pytest.mark.slow
def test_wheel_is_small_and_complete(wheel):
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.compress_size for info in archive.infolist()}
        metadata = archive.read(next(n for n in sizes if n.endswith("/METADATA"))).decode()
    code = sum(size for name, size in sizes.items() if "/artefacts/" not in name)
    assert code < CODE_BUDGET and sum(sizes.values()) < CODE_BUDGET + 10_000_000
    packed = {name for name in sizes if name.startswith("snntheory/")}
    wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / "snntheory").rglob("*.py")}
    wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "snntheory").rglob("*.js")}
    wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "snntheory" / "artefacts").glob("*.nc")}
    assert wanted <= packed and "snntheory/py.typed" in packed
    assert f"Version: {snntheory.__version__}" in metadata and not any("tests" in name for name in sizes)


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """The wheel unpacked where an installer would put it; the package in the repository is out of sight."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(site, folder, code, blocked=()):
    """Python code in an empty folder, with the unpacked wheel and without what is blocked."""
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(site), "MPLBACKEND": "agg", "COLUMNS": "200"}
    code = BLOCK.format(blocked=blocked) + code.replace("SITE", repr(str(site)))
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("blocked", [(), WITHOUT], ids=["with torch", "without torch"])
def test_wheel_works_from_an_empty_folder(site, tmp_path, blocked):
    """Theory, artefacts, data, interactive figures and the version; it leaves nothing behind."""
    done = run_installed(site, tmp_path, USE, blocked)
    assert done.returncode == 0, done.stderr
    done = run_installed(site, tmp_path, COMMAND.format(["--version"]), blocked)
    assert snntheory.__version__ in done.stdout and list((tmp_path / "empty").iterdir()) == []


@pytest.mark.slow
def test_installed_command_analyses_a_recording_without_torch(site, tmp_path):
    """The first thing that a new user does: an array of voltages becomes a report."""
    (tmp_path / "empty").mkdir()
    voltage = np.random.default_rng(0).standard_normal((1000, 2, 3))
    np.save(tmp_path / "empty" / "voltage.npy", voltage)
    arguments = ["analyse", "voltage.npy", "--dims", "time,trial,neuron", "--dt", "0.001"]
    done = run_installed(site, tmp_path, COMMAND.format(arguments), WITHOUT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "empty" / "voltage" / "report.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "model.pt"],
        ["evaluate", "model.pt"],
        ["record", "model.pt", "traces.nc"],
        ["sweep", "--dt", "1e-3", "--out", "sweep"],
        ["experiment", "xor", "--quick"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_that_need_torch_say_so(site, tmp_path, arguments):
    """One line with the remedy and exit code 2; no traceback, no file."""
    done = run_installed(site, tmp_path, COMMAND.format(arguments), WITHOUT)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "torch" in done.stderr and "pip install 'snntheory[train]'" in done.stderr
    assert list((tmp_path / "empty").iterdir()) == []


def test_citation_file_is_valid_and_up_to_date():
    """The keys that version 1.2.0 of the format asks for, of their kind; the package's version and licence."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    known = "cff-version title message type authors version date-released license keywords abstract".split()
    assert {"cff-version", "message", "title", "authors"} <= set(citation) <= set(known)
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert all(
        set(author) <= {"name", "family-names", "given-names", "orcid"} for author in citation["authors"]
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(citation["date-released"]))
    assert citation["version"] == snntheory.__version__ and citation["license"] == "MIT"
    assert all(isinstance(word, str) for word in citation["keywords"])


def test_binder_installs_what_the_chapters_without_torch_import():
    """Read by repo2docker: every line is a requirement, and the notebooks are written by our own script."""
    from packaging.requirements import Requirement

    folder = ROOT / ".binder"
    lines = [line.split("#")[0].strip() for line in (folder / "requirements.txt").read_text().splitlines()]
    lines = [line for line in lines if line]
    names = {Requirement(line).name for line in lines if line != "."}
    assert "." in lines and {"myst-nb", "pandas", "numba"} <= names and "torch" not in names
    assert (folder / "runtime.txt").read_text().strip() == "python-3.11"
    assert os.access(folder / "postBuild", os.X_OK)
    assert "book/_ext/write_notebooks.py" in (folder / "postBuild").read_text()
