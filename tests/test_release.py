"""What a release needs: a small wheel that works from an empty folder; a citation file; a way to run the book."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import snntheory

ROOT = Path(__file__).parents[1]
CODE_BUDGET = 3_000_000  # bytes of a wheel without its artefacts

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
"""
USE = """
import pathlib, snntheory
from snntheory import CubaLIF, artefacts, discretize, load_traces, make_traces, save_traces
assert pathlib.Path(snntheory.__file__).is_relative_to({site!r}), snntheory.__file__
assert discretize(CubaLIF(0.02, 0.01), 1e-3, "zoh").is_stable
names = artefacts.names()
assert len(names) > 10 and artefacts.load(names[0]) is not None
from snntheory.plotting import atlas
assert "<script>" in atlas(CubaLIF(0.02, 0.01)).html
from snntheory.training.datasets import mnist_subset
assert len(mnist_subset("test")[1]) == 2000
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built without a network from a copy of the tracked kind of files: a build leaves folders in its sources."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc", "*.tmp")
    shutil.copytree(ROOT / "snntheory", source / "snntheory", ignore=skipped)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-book"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(folder)],
        cwd=source,
        capture_output=True,
        text=True,
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


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


@pytest.mark.slow
@pytest.mark.parametrize("blocked", [(), ("torch", "numba")], ids=["with torch", "without torch"])
def test_wheel_works_from_an_empty_folder(wheel, tmp_path, blocked):
    """Unpacked where an installer would put it; the package in the repository is out of sight."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = os.environ | {"PYTHONPATH": str(site), "MPLBACKEND": "agg"}
    code = BLOCK.format(blocked=blocked) + USE.format(site=str(site))
    for command in (["-W", "error", "-c", code], ["-m", "snntheory", "--version"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=empty, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert snntheory.__version__ in done.stdout and list(empty.iterdir()) == []


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
