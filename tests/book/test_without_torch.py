"""Which chapters run without torch: those that `.binder` offers, and no other says that it does."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import chapters
import pytest
import yaml
from write_notebooks import toc_files

from snntheory import training

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = {
    name: chapters.read_chapter(ROOT / "book" / f"{name}.md")
    for name in toc_files(ROOT / "book" / "_toc.yml")
    if "{code-cell}" in (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8")
}
TRAIN = {"significance", "step_size_spectra"}  # live, in parts that need no torch otherwise
RUN_FIRST_CELLS = """
import json, sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = classmethod(
    lambda cls, name, *rest: None if name.split(".")[0] == "torch" else find(name, *rest)
)
needs = []
for name, source in json.load(sys.stdin).items():
    try:
        exec(source, {})
    except ModuleNotFoundError as error:
        assert "torch" in str(error), error
        needs.append(name)
print(json.dumps(needs))
"""


def offered() -> set[str]:
    """The front page, the chapters of parts I to IV and VII but for two, one of part VI, the ledger."""
    parts = [[chapter["file"] for chapter in part["chapters"]] for part in TOC["parts"]]
    names = {name for number in (0, 1, 2, 3, 6) for name in parts[number]}
    return (names | {"introduction", "choosing_a_time_step", "ledger"}) - TRAIN


def names_of_the_trainer(chapter: chapters.Chapter) -> set[str]:
    """What a chapter's cells call as ``training.NAME`` that torch must be there for."""
    nodes = [node for cell in chapter.cells for node in ast.walk(ast.parse(cell.source))]
    found = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "training"
    }
    return found & set(training.__all__) - {"datasets", "exact_forward"}


@pytest.fixture(scope="module")
def needing_torch() -> set[str]:
    """Chapters whose imports fail without torch, or that call the trainer later."""
    first = {name: chapter.cells[0].source for name, chapter in CHAPTERS.items()}
    done = subprocess.run(
        [sys.executable, "-c", RUN_FIRST_CELLS], input=json.dumps(first), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    called = {name for name, chapter in CHAPTERS.items() if names_of_the_trainer(chapter)}
    return set(json.loads(done.stdout.splitlines()[-1])) | called


def test_offered_chapters_run_without_torch(needing_torch):
    assert offered() <= set(CHAPTERS) and offered() & needing_torch == set()


def test_all_other_chapters_need_torch(needing_torch):
    """The list is complete: a chapter that needs torch no more joins it."""
    assert needing_torch == set(CHAPTERS) - offered()


def test_binder_names_the_exceptions():
    """In the comment above the requirements."""
    comment = " ".join(
        re.findall(r"(?m)^# (.*)$", (ROOT / ".binder" / "requirements.txt").read_text("utf-8"))
    )
    assert "parts I to IV and VII, choosing_a_time_step and the ledger" in comment
    assert f"Of these parts {' and '.join(sorted(TRAIN))} train small networks" in comment
