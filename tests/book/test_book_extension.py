"""The book's own extension, function by function; the whole of it at work is in test_incremental_build.py."""

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from snntheory_book import downloads, execution_cache, mathjax, offline, profile
from snntheory_book.digest import sources_digest
from snntheory_book.docstrings import escape_bars, underline_sections
from snntheory_book.public_names import find_object, possible_paths
from sphinx.errors import ExtensionError
from write_notebooks import clean_notebook, toc_files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path):
    """A small repository: a package with a source and an artefact, and a lock file."""
    (tmp_path / "snntheory" / "artefacts").mkdir(parents=True)
    (tmp_path / "snntheory" / "neuron.py").write_text("a = 1\n")
    (tmp_path / "snntheory" / "artefacts" / "run.npz").write_bytes(b"\x00\x01")
    (tmp_path / "requirements.lock").write_text("numpy==2.0\n")
    return tmp_path


@pytest.mark.parametrize("path", ["snntheory/neuron.py", "snntheory/artefacts/run.npz", "requirements.lock"])
def test_digest_follows_every_input(tree, path):
    """A changed source, artefact or version gives another digest, and going back gives the first again."""
    before, content = sources_digest(tree), (tree / path).read_bytes()
    (tree / path).write_bytes(content + b"#")
    assert sources_digest(tree) != before
    (tree / path).write_bytes(content)
    assert sources_digest(tree) == before


def test_digest_follows_names(tree):
    """A renamed module is a changed package, although no content changed."""
    before = sources_digest(tree)
    (tree / "snntheory" / "neuron.py").rename(tree / "snntheory" / "cell.py")
    assert sources_digest(tree) != before


def test_digest_ignores_what_changes_no_number(tree):
    """Byte code, hidden files and backups come and go without a build."""
    before = sources_digest(tree)
    (tree / "snntheory" / "__pycache__").mkdir()
    (tree / "snntheory" / "__pycache__" / "neuron.cpython-311.pyc").write_bytes(b"x")
    (tree / "snntheory" / ".neuron.py.swp").write_bytes(b"x")
    (tree / "snntheory" / "neuron.py~").write_bytes(b"x")
    (tree / "README.md").write_text("x")
    assert sources_digest(tree) == before


def test_profile_has_its_own_cache(tree, monkeypatch):
    """A smoke build can never serve its outputs to the full book."""
    monkeypatch.delenv(profile.VARIABLE, raising=False)
    full = execution_cache.cache_path(tree, tree / "_build")
    monkeypatch.setenv(profile.VARIABLE, "smoke")
    smoke = execution_cache.cache_path(tree, tree / "_build")
    assert full.name.startswith("full-") and smoke.name.startswith("smoke-") and full != smoke


@pytest.mark.parametrize("name", ["../x", "a b", "Full", "a-b"])
def test_profile_rejects(monkeypatch, name):
    """A name that could leave the cache's folder, or that pruning would misread, is refused."""
    monkeypatch.setenv(profile.VARIABLE, name)
    with pytest.raises(ValueError, match="accepts lower-case letters"):
        profile.build_profile()


def test_prune_keeps_the_two_newest_of_the_profile(tmp_path):
    """Of full caches a (oldest), b, c and the present one, c and the present one stay; the smoke cache does too."""
    for age, name in enumerate(["full-c", "full-b", "full-a", "smoke-a"], start=1):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    present = tmp_path / "full-d"
    present.mkdir()
    os.utime(present, (1e9 - 100, 1e9 - 100))  # the oldest by its time: it stays all the same
    removed = execution_cache.prune(present)
    assert {path.name for path in removed} == {"full-a", "full-b"}
    assert {path.name for path in tmp_path.iterdir()} == {"full-c", "full-d", "smoke-a"}


def test_mathjax_is_the_published_file():
    """The file in the repository has the digest that the build asks for."""
    mathjax.verify(ROOT / "book" / "_vendor" / "mathjax")


def test_mathjax_refuses_another_file(tmp_path):
    """One changed byte, or no file, stops the build."""
    with pytest.raises(ExtensionError, match="missing"):
        mathjax.verify(tmp_path)
    shutil.copy(ROOT / "book" / "_vendor" / "mathjax" / mathjax.FILE, tmp_path)
    with (tmp_path / mathjax.FILE).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ExtensionError, match="SHA-256"):
        mathjax.verify(tmp_path)


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        "<script async src='//cdn.example/x.js'></script>",
        '<link rel="stylesheet" href="http://cdn.example/x.css">',
        '<img alt="" src="HTTPS://example.org/x.png">',
        '<iframe src="https://example.org"></iframe>',
    ],
)
def test_outside_address_is_found(html):
    """Whatever a browser would fetch by itself."""
    assert len(offline.outside_addresses(html)) == 1


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.org">a link that the reader follows</a>',
        '<link rel="canonical" href="https://example.org/book">',
        '<script src="_static/x.js?v=1"></script><script>const url = "https://example.org";</script>',
    ],
)
def test_inside_address_is_left_alone(html):
    """Links for the reader, statements about the page, and its own files."""
    assert offline.outside_addresses(html) == []


def test_find_object_follows_aliases():
    """Two paths to one object give the same object; a wrong path gives None."""
    assert find_object("snntheory.discretize") is find_object("snntheory.linear.discretize") is not None
    assert find_object("snntheory.linear.discretise") is None
    assert find_object("nowhere.at.all") is None


def test_toc_files(tmp_path):
    """Root, parts, chapters and sections, in reading order."""
    toc = tmp_path / "_toc.yml"
    toc.write_text(
        "format: jb-book\nroot: a\nparts:\n- caption: P\n  chapters:\n"
        "  - file: b\n    sections:\n    - file: c\n  - file: d\n"
    )
    assert toc_files(toc) == ["a", "b", "c", "d"]


def test_clean_notebook_is_reproducible_and_has_no_outputs():
    """Twice the same notebook (fixed cell identities), all code, no outputs, Python's kernel."""
    chapter = Path(__file__).parent / "data" / "sample_chapter.md"
    first, second = clean_notebook(chapter), clean_notebook(chapter)
    assert first == second
    code = [cell for cell in first.cells if cell.cell_type == "code"]
    assert len(code) == chapter.read_text(encoding="utf-8").count("{code-cell}")
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert first.metadata["kernelspec"]["name"] == "python3"


def test_bars_are_escaped_outside_literal_text():
    """``|W|`` is an absolute value; literals, literal blocks and doctests stay as they are."""
    lines = ["Mean of |W|^2, ``|H|``.", "", "Definition::", "", "    |x| = 1", "", "Then |y|.", ">>> a | b"]
    assert escape_bars(lines) == [
        r"Mean of \|W\|^2, ``|H|``.",
        "",
        "Definition::",
        "",
        "    |x| = 1",
        "",
        r"Then \|y\|.",
        ">>> a | b",
    ]


def test_closing_remarks_become_sections():
    """Both ways of writing a remark give the section that napoleon knows; a real section is left alone."""
    lines = [
        "Raises",
        "------",
        "ValueError",
        "    Why.",
        "",
        "Assumptions",
        "    Stationary.",
        "",
        "Accuracy: tested.",
    ]
    assert underline_sections(lines) == [
        *lines[:5],
        "Assumptions",
        "-----------",
        "Stationary.",
        "",
        "Accuracy",
        "--------",
        "tested.",
    ]
    section = ["Accuracy", "--------", "Exact.", "", "Definition::", "", "    a = b"]
    assert underline_sections(section) == section


def test_possible_paths_are_relative_to_the_docstring():
    """A name is looked up in its class, its module, and every package above."""
    source = "/x/snntheory/linear/discrete.py:docstring of snntheory.linear.discrete.DiscreteNeuron"
    paths = possible_paths("discretize", source)
    assert paths[0] == "discretize" and "snntheory.linear.discrete.discretize" in paths
    assert [find_object(path) for path in paths if path == "snntheory.linear.discretize"] != [None]
    assert possible_paths("linear.kernel", None) == ["linear.kernel", "snntheory.linear.kernel"]


def test_outputs_come_from_the_cache(tmp_path):
    """A notebook without outputs gets those that its cells have in the cache; another one is refused."""
    executed = clean_notebook(Path(__file__).parent / "data" / "sample_chapter.md")
    bare = nbformat.from_dict(executed)
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{number}\n")]
    get_cache(tmp_path).cache_notebook_bundle(CacheBundleIn(executed, "sample.md"), check_validity=False)

    assert not downloads.is_executed(bare)
    merged = downloads.with_outputs(bare, tmp_path)
    assert downloads.is_executed(merged) and len(merged.cells) == len(bare.cells)
    found = [cell.outputs[0].text for cell in merged.cells if cell.cell_type == "code"]
    assert found == [f"{number}\n" for number in range(1, len(code) + 1)]
    assert downloads.with_outputs(executed, tmp_path / "none") is executed

    next(cell for cell in bare.cells if cell.cell_type == "code").source += "\nchanged = 1"
    with pytest.raises(ExtensionError, match="no outputs of this notebook"):
        downloads.with_outputs(bare, tmp_path)
