"""Every chapter with code cells keeps the contract of CONTRIBUTING.md; each rule is shown to catch its own breach."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import chapters
import pytest
import yaml
from write_notebooks import toc_files

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = (Path(__file__).parent / "data" / "sample_chapter.md").read_text(encoding="utf-8")
PAGES = [ROOT / "book" / f"{name}.md" for name in toc_files(ROOT / "book" / "_toc.yml")]
CHAPTERS = [page for page in PAGES if page.is_file() and "{code-cell}" in page.read_text(encoding="utf-8")]


def test_every_page_of_the_toc_exists_and_every_page_is_in_the_toc():
    """A page that the table of contents does not name would be left out of the book without a word."""
    on_disk = {path.name for path in (ROOT / "book").glob("*.md")}
    assert {page.name for page in PAGES} == on_disk


def test_introduction_names_every_page_in_the_order_of_the_book():
    """The list of what a reader finds grows old without a word when a chapter is added."""
    named = re.findall(r"^\{doc\}`(\w+)`$", (ROOT / "book" / "introduction.md").read_text("utf-8"), re.M)
    assert named == [page.stem for page in PAGES if page.stem != "introduction"]


FRONT_PAGE_RULES = {"header", "first_cell", "cell_contents", "figures", "numbers", "glued"}


@pytest.mark.parametrize("rule", chapters.RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(path, rule):
    """The rule finds no fault in the chapter; the front page has a figure, but neither exercises nor sections."""
    if path.stem == "introduction" and rule.__name__ not in FRONT_PAGE_RULES:
        return
    assert rule(chapters.read_chapter(path)) == []


def test_no_notebook_is_tracked():
    """Sources are MyST Markdown; a stray .ipynb in book/ would carry outputs."""
    assert not list((ROOT / "book").glob("*.ipynb"))


@pytest.mark.parametrize("rule", chapters.RULES, ids=lambda rule: rule.__name__)
def test_sample_keeps_the_rule(rule):
    """The sample chapter, from which authors may start, keeps every rule."""
    assert rule(chapters.parse_chapter(SAMPLE)) == []


FIGURE_CELL = "```{code-cell} ipython3\nfig, ax = plt.subplots()\n```\n\n## On your own"
BREACHES = {
    # what is done to the sample: (rule that must object, old text, new text)
    "no title": ("header", "# A sample chapter\n", "A sample chapter\n"),
    "claim of two sentences": ("header", "alone.", "alone. It is high."),
    "claim without an end": ("header", "alone.", "alone"),
    "other kernel": ("header", "name: python3", "name: ir"),
    "no outcomes": ("preparation", "**You will be able to**", "**Aims**"),
    "no prerequisites": ("preparation", "**What you need**", "**Needs**"),
    "no time": ("preparation", "1 minute to run", "soon done"),
    "no style": ("first_cell", "use_style()\n", ""),
    "global generator": ("first_cell", "rng = np.random.default_rng(7)", "np.random.seed(7)"),
    "unseeded generator": ("first_cell", "default_rng(7)", "default_rng()"),
    "setting in the first cell": ("first_cell", "use_style()", "use_style()\ndt = 0.001"),
    "long cell": ("cell_sizes", "h = kernel(neuron, t)", "\n".join(f"h{n} = {n}" for n in range(16))),
    "long cells": ("cell_sizes", "h = kernel(neuron, t)", "\n".join(f"h{n} = {n}" for n in range(9))),
    "function": ("cell_contents", "h = kernel(neuron, t)", "def f():\n    return 1"),
    "rcParams": ("cell_contents", "h = kernel(neuron, t)", "plt.rcParams['figure.dpi'] = 100"),
    "address": ("cell_contents", "h = kernel(neuron, t)", "h = load('https://example.org/x.npz')"),
    "network": ("cell_contents", "import numpy as np", "import numpy as np\nimport requests"),
    "magic": ("cell_contents", "h = kernel(neuron, t)", "%timeit kernel(neuron, t)"),
    "file": ("cell_contents", "h = kernel(neuron, t)", "np.savez('x.npz', h=t)"),
    "figure without options": ("figures", "## On your own", FIGURE_CELL),
    "no name": ("figures", "    name: fig-sample-kernel\n", ""),
    "no caption": ("figures", "    caption: The response to one spike at time zero.\n", ""),
    "no alternative text": ("figures", "    alt: ", "    width: "),
    "figure not referred to": ("figures", "{numref}`fig-sample-kernel`", "It"),
    "Markdown image": ("figures", "## Summary", "![a curve](curve.png)\n\n## Summary"),
    "typed decimal": ("numbers", "{glue:text}`sample_peak:.1f`", "9.2"),
    "typed percentage": ("numbers", "One hump.", "One hump in 95 % of cases."),
    "typed in a caption": ("numbers", "at time zero.", "at time 0.0."),
    "typed unit": ("numbers", "One hump.", "One hump of 20 ms."),
    "nothing asserted": ("glued", "assert 9 < peak_ms < 10\n", ""),
    "one of two asserted": ("glued", "peak_ms, display", "peak_ms / other, display"),
    "another part asserted": (
        "glued",
        'glue("sample_peak", peak_ms',
        'assert peaks[1] > 0\nglue("sample_peak", peaks[0]',
    ),
    "unknown key": ("glued", "`sample_peak:.1f`", "`other:.1f`"),
    "no own traces": ("sections", "## On your own traces", "## Further"),
    "other order": ("sections", "## Summary", "## Conclusion"),
    "no citation": ("sections", "{cite", "{ref"),
    "no next chapter": ("sections", "**Next**", "Then"),
    "no exercise": ("exercises", ":::{exercise}", ":::{note}"),
    "open solution": ("exercises", ":class: dropdown", ":class: open"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_rule_objects_to(breach):
    """Each rule can fail: it objects to its own breach of the sample."""
    rule, old, new = BREACHES[breach]
    broken = SAMPLE.replace(old, new)
    assert broken != SAMPLE
    assert getattr(chapters, rule)(chapters.parse_chapter(broken))


def test_terms_are_in_the_glossary_and_explain_themselves():
    """Every {term} of the book is defined once; every entry says more than its name, and most name their page."""
    glossary = (ROOT / "book" / "glossary.md").read_text("utf-8")
    block = re.search(r":::\{glossary\}\n(.*?)\n:::", glossary, re.S).group(1)
    entries = dict(re.findall(r"^(\S[^\n]*)\n((?:  [^\n]*\n?)+)", block, re.M))
    assert len(entries) >= 30 and list(entries) == sorted(entries, key=str.lower)
    assert all(len(text.split()) >= 2 for text in entries.values())
    used = set()
    for page in PAGES:
        used |= {
            found.split("<")[-1].strip(" >")
            for found in re.findall(r"\{term\}`([^`]+)`", page.read_text("utf-8"))
        }
    assert used and used <= set(entries)
    known = {page.stem for page in PAGES}
    assert set(re.findall(r"\{doc\}`(\w+)`", block)) <= known


BLOCK_TORCH = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
"""


def test_chapters_of_theory_and_signals_do_without_torch(tmp_path):
    """Parts I to IV and VII need the core alone: all their imports succeed where torch is not installed.

    But for one chapter on spectra, which trains a network with the source's own update.
    """
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text("utf-8"))
    parts = [part for part in toc["parts"] if part["caption"] not in ("Gradients", "Networks", "Appendices")]
    names = [chapter["file"] for part in parts for chapter in part["chapters"]]
    names = [name for name in names if name != "step_size_spectra"]
    assert len(names) >= 14
    imports = {}
    for name in names:
        cells = chapters.read_chapter(ROOT / "book" / f"{name}.md").cells
        nodes = [node for cell in cells for node in cell.tree.body]
        lines = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
        imports[name] = "\n".join(line for line in lines if "myst_nb" not in line)
    code = BLOCK_TORCH + f"for name, lines in {imports!r}.items():\n    print(name)\n    exec(lines, {{}})\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
    )
    assert done.returncode == 0, f"{done.stdout.split()[-1:]}: {done.stderr}"
