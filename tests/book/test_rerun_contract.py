"""Every chapter can be rerun with other parameters: one cell holds them, and no assertion stops what comes after it."""

from pathlib import Path

import chapters
import pytest
import reruns
from snntheory_book.rerun import TAG, has_assertion, tolerant
from write_notebooks import clean_notebook, toc_files

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "book" / f"{name}.md" for name in toc_files(ROOT / "book" / "_toc.yml")]
CHAPTERS = [page for page in PAGES if page.is_file() and "{code-cell}" in page.read_text(encoding="utf-8")]
SAMPLE = Path(__file__).parent / "data" / "sample_chapter.md"


@pytest.mark.parametrize("rule", reruns.RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", [*CHAPTERS, SAMPLE], ids=lambda path: path.stem)
def test_chapter_keeps_the_rule(path, rule):
    """The front page and the sample included."""
    assert rule(chapters.read_chapter(path)) == []


NEURON = "neuron = CubaLIF(tau_mem=0.020, tau_syn=0.005)  # time constants in s"
PEAK = "peak_ms = float(t[h.argmax()] * 1e3)"
GLUE, ASSERT = 'glue("sample_peak", peak_ms, display=False)', "assert 9 < peak_ms < 10"
WHOLE = f"{PEAK}\n{GLUE}\n{ASSERT}"
PEAK_BEHIND = f"{ASSERT}\n{PEAK}\n```\n\n```{{code-cell}}\nprint(peak_ms)"
BREACHES = {
    # what is done to the sample: (rule that must object, old text, new text)
    "no tag": ("parameters", ":tags: [parameters]\n", ""),
    "two tagged cells": ("parameters", "ipython3\nt = np", "ipython3\n:tags: [parameters]\nt = np"),
    "no comment": ("parameters", "  # time constants in s", ""),
    "no assignment": ("parameters", NEURON, f"{NEURON}\nprint(neuron)  # a neuron"),
    "made of another": ("parameters", NEURON, f"{NEURON}\nhalf = neuron.tau_mem / 2  # s"),
    "unused": ("parameters", NEURON, f"{NEURON}\ndt = 0.001  # s"),
    "changed later": ("parameters", "h = kernel", "neuron = CubaLIF(0.010, 0.005)\nh = kernel"),
    "changed by a loop": ("parameters", "h = kernel", "for neuron in (neuron,):\n    pass\nh = kernel"),
    "given behind an assertion": ("assertions", WHOLE, PEAK_BEHIND),
    "glued behind an assertion": ("glue_first", WHOLE, f"{PEAK}\n{ASSERT}\n{GLUE}"),
    "glued in a loop behind": ("glue_first", ASSERT, f"for k in 'a':\n    {ASSERT}\n    {GLUE}"),
    "behind a numpy assertion": ("assertions", "t = np.lin", "np.testing.assert_allclose(1, 1)\nt = np.lin"),
}  # fmt: skip


@pytest.mark.parametrize("breach", BREACHES)
def test_rule_objects_to(breach):
    """Each rule can fail: it objects to its own breach of the sample."""
    rule, old, new = BREACHES[breach]
    text = SAMPLE.read_text(encoding="utf-8")
    assert text.count(old) == 1
    assert getattr(reruns, rule)(chapters.parse_chapter(text.replace(old, new)))


@pytest.mark.parametrize(
    ("later", "needs"),
    [
        ("y = x", True),
        ("x = 1\ny = x", False),
        ("y = [x for x in range(3)]", False),
        ("y = [x for _ in range(3)]", True),
        ("y = [0 for x in x]", True),
        ("y = lambda x: x", False),
        ("y = lambda z: x + z", True),
        ("for x in range(3):\n    y = x", False),
        ("for y in x:\n    x = y", True),
        ("x += 1", True),
        ("x[0] = 1", True),
        ("with open('f') as x:\n    y = x", False),
        ("def f(z):\n    x = z\n    return x", False),
        ("def f(z):\n    return x", True),
    ],
)
def test_reads(later, needs):
    """Whether a cell needs a name that an earlier one gives: loops, comprehensions and functions have their own."""
    assert reruns.reads([chapters.CodeCell(later, {}, False)], "x") is needs


def test_cells_with_assertions_are_tagged():
    """Statements and numpy's functions; cells without, and text that is no Python, are left alone; twice is once."""
    assert has_assertion("if True:\n    assert 1") and has_assertion("np.testing.assert_allclose(1, 1)")
    assert not has_assertion("x = 1  # assert") and not has_assertion("%magic\nassert")
    notebook = clean_notebook(SAMPLE)
    tagged = [TAG in cell.metadata.get("tags", []) for cell in notebook.cells if cell.cell_type == "code"]
    assert tagged == [False, False, True, False, True]
    again = tolerant(notebook)
    assert all(cell.metadata.get("tags", []).count(TAG) <= 1 for cell in again.cells)
