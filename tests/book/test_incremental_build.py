"""Jupyter Book with the book's extension at work, on a small book: what is executed, when, and what fails."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from snntheory_book import parallel_execution

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
---

# Only chapter

```{code-cell} ipython3
import snntheory

print("the value is", snntheory.VALUE)
```
"""

pytestmark = pytest.mark.slow


class SmallBook:
    """A repository with our configuration and extension, one chapter, and a package of one constant."""

    def __init__(self, root):
        self.root = root
        shutil.copytree(ROOT / "book" / "_ext", root / "book" / "_ext")
        shutil.copytree(ROOT / "book" / "_vendor", root / "book" / "_vendor")
        shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
        for name in ("_config.yml", "book/references.bib", "book/references.md"):
            shutil.copy(ROOT / name, root / name)
        (root / "requirements.lock").write_text("")
        self.write("book/_toc.yml", "format: jb-book\nroot: chapter\nchapters:\n- file: references\n")
        self.write("book/chapter.md", CHAPTER)
        self.write("snntheory/__init__.py", "VALUE = 1\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def build(self):
        """Exit status and output of the command that `make book` runs."""
        code = "from jupyter_book.cli.main import main; main()"
        command = [
            sys.executable,
            "-c",
            code,
            "build",
            "book",
            "--config",
            "_config.yml",
            "--path-output",
            ".",
        ]
        environment = {**os.environ, "PYTHONPATH": str(self.root), "JUPYTER_PREFER_ENV_PATH": "1"}
        environment.pop("SNNTHEORY_BOOK_PROFILE", None)
        done = subprocess.run(
            [*command, "-W", "-n", "--keep-going"],
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    def page(self, name="chapter"):
        return (self.root / "_build" / "html" / f"{name}.html").read_text(encoding="utf-8")

    def notebook(self, name="chapter"):
        """Number and text of each code cell of the notebook that the page offers."""
        path = self.root / "_build" / "html" / "_sources" / f"{name}.ipynb"
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        return [
            (cell["execution_count"], "".join("".join(o["text"]) for o in cell["outputs"])) for cell in code
        ]


@pytest.fixture
def book(tmp_path):
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    return SmallBook(folder)


def test_changed_package_is_executed_again_and_an_unchanged_one_is_not(book):
    """The numbers on a page are those of the package as it is; going back to old sources uses the old cache."""
    status, output = book.build()
    assert status == 0, output
    assert "the value is 1" in book.page() and "Executing notebook" in output
    seconds = json.loads((book.root / "_build" / "execution_times.json").read_text())["seconds"]
    assert set(seconds) == {"chapter"} and 0 < seconds["chapter"] < 60

    status, output = book.build()
    assert status == 0 and "Executing notebook" not in output and "no targets are out of date" in output

    book.write("snntheory/__init__.py", "VALUE = 2\n")
    status, output = book.build()
    assert status == 0 and "Executing notebook" in output and "the value is 2" in book.page()

    book.write("snntheory/__init__.py", "VALUE = 1\n")
    status, output = book.build()
    assert status == 0 and "Executing notebook" not in output and "the value is 1" in book.page()


def test_warning_fails_the_build_every_time_until_it_is_gone(book):
    """Sphinx alone passes at the second try: it does not read an unchanged page, so it does not warn."""
    book.write("book/chapter.md", CHAPTER + "\nSee {numref}`no-such-figure`.\n")
    for _ in range(2):
        status, output = book.build()
        assert status != 0 and "no-such-figure" in output
    book.write("book/chapter.md", CHAPTER)
    status, output = book.build()
    assert status == 0, output


def test_failing_cell_fails_the_build_and_shows_its_traceback(book):
    """A cell that raises, also when the page had been built before."""
    book.write("book/chapter.md", CHAPTER.replace("snntheory.VALUE", "1 / (snntheory.VALUE - 1)"))
    status, output = book.build()
    assert status != 0 and "ZeroDivisionError" in output


def test_cell_that_writes_to_standard_error_fails_the_build(book):
    """A warning of a library must not slip into the book unseen."""
    book.write(
        "book/chapter.md", CHAPTER.replace("print(", "import warnings\nwarnings.warn('beware')\nprint(")
    )
    status, output = book.build()
    assert status != 0 and "stderr was found in the cell outputs" in output


def test_removed_and_renamed_chapters_leave_nothing_behind(book):
    """A new title reaches the sidebars of unchanged pages; a removed chapter's page is removed."""
    book.write(
        "book/_toc.yml", "format: jb-book\nroot: chapter\nchapters:\n- file: references\n- file: second\n"
    )
    book.write("book/second.md", CHAPTER.replace("Only chapter", "Second chapter"))
    status, output = book.build()
    assert status == 0, output
    assert "Second chapter" in book.page("references")

    book.write("book/second.md", CHAPTER.replace("Only chapter", "Another title"))
    assert book.build()[0] == 0
    assert "Another title" in book.page("references") and "Second chapter" not in book.page("references")

    book.write("book/_toc.yml", "format: jb-book\nroot: chapter\nchapters:\n- file: references\n")
    (book.root / "book" / "second.md").unlink()
    assert book.build()[0] == 0
    assert not list((book.root / "_build" / "html").rglob("second.*"))
    assert "Another title" not in book.page("references")


def test_changed_style_sheet_arrives(book):
    """Sphinx copies static files only in a build that writes a page."""
    assert book.build()[0] == 0
    with (book.root / "book" / "_static" / "book.css").open("a") as file:
        file.write("/* changed */\n")
    assert book.build()[0] == 0
    assert "/* changed */" in (book.root / "_build" / "html" / "_static" / "book.css").read_text()


def test_page_from_the_cache_offers_its_executed_notebook(book):
    """myst-nb writes the notebook of a cached page as it was before execution."""
    assert book.build()[0] == 0
    executed = book.notebook()
    assert executed == [(1, "the value is 1\n")]
    book.write("book/chapter.md", CHAPTER + "\nOne more sentence.\n")
    status, output = book.build()
    assert status == 0 and "Using cached notebook" in output, output
    assert "One more sentence" in book.page() and book.notebook() == executed


MEETING = CHAPTER.replace("Only chapter", "TITLE").replace(
    'print("the value is", snntheory.VALUE)',
    """import time
from pathlib import Path

folder = Path(snntheory.__file__).parents[1]
(folder / "OWN").touch()
end = time.monotonic() + 60
while not (folder / "OTHER").exists() and time.monotonic() < end:
    time.sleep(0.05)
assert (folder / "OTHER").exists(), "alone"
THEN""",
)


def meeting(*words):
    """The chapter of that title, which writes one file and waits for another, and then does something more."""
    text = MEETING
    for name, word in zip(("TITLE", "OWN", "OTHER", "THEN"), words, strict=True):
        text = text.replace(name, word)
    return text


@pytest.mark.skipif(
    parallel_execution.processors() < 2, reason="one processor: chapters run one after the other"
)
@pytest.mark.parametrize("then", ["", "1 / 0"])
def test_chapters_are_executed_beside_each_other(book, then):
    """Each waits until the other runs: one after the other, the first would fail. A fault is reported as ever."""
    book.write(
        "book/_toc.yml", "format: jb-book\nroot: chapter\nchapters:\n- file: references\n- file: second\n"
    )
    book.write("book/chapter.md", meeting("First", "a", "b", ""))
    book.write("book/second.md", meeting("Second", "b", "a", then))
    status, output = book.build()
    if then:
        assert status != 0 and "ZeroDivisionError" in output and "second" in output
        return
    assert status == 0 and "executing 2 chapters" in output and "Executing notebook" not in output, output
    seconds = json.loads((book.root / "_build" / "execution_times.json").read_text())["seconds"]
    assert set(seconds) == {"chapter", "second"}
    assert book.notebook("second") == [(1, "")]
