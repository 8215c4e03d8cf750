"""A notebook that is handed out reads without the book: its prose is plain Markdown, its numbers are there."""

import re
from pathlib import Path

import nbformat
import pytest
from snntheory_book.labels import read_page, read_pages, read_works
from snntheory_book.readable import BIBLIOGRAPHY, Prose, formatted, glued_values, readable, table
from write_notebooks import clean_notebook, toc_files

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [
    ROOT / "book" / f"{name}.md"
    for name in toc_files(ROOT / "book" / "_toc.yml")
    if "{code-cell}" in (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8")
]
# roles, directives, labels of sections, labels of equations, and labels that nothing has put into words
LEFT_OVER = r"\{[a-z:-]+\}`|:::|```\{|^\([\w:-]+\)=|\$\$ \(|\b(eq|fig|thm|prop|def|ex)-[a-z]+-?[a-z]*\b"


def left_over(notebook):
    """What is left of MyST in the Markdown cells."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [found[0] for text in prose for found in re.finditer(LEFT_OVER, text, re.M)]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_source_of_the_book_is_left(path):
    """In any chapter, each of which has some; an equation that is referred to has its number."""
    text = path.read_text(encoding="utf-8")
    assert re.search(LEFT_OVER, text, re.M)
    notebook = clean_notebook(path)
    assert left_over(notebook) == []
    whole = "\n".join(cell.source for cell in notebook.cells)
    assert whole.count(r"\tag{") == len(re.findall(r"^\$\$ \(", text, re.M))
    assert whole.count("$$") == text.count("$$")


PAGE = r"""(start)=
# A page

See {prf:ref}`thm-b`, {eq}`eq-a` and {numref}`fig-a`, {cite}`hu2024,rotter1999`, {cite:t}`eshraghian2023`,
{term}`pole <poles>`, {func}`~snntheory.linear.kernel`, {doc}`other`, {ref}`there <far>`,
{ref}`far`: {glue:text}`x:.2f` s.

$$
a = b
$$ (eq-a)

:::{prf:theorem} First
:label: thm-a
One.
:::

:::{prf:theorem}
:label: thm-b
Two.
:::

::::{admonition} Note
:class: tip
:::{exercise}
:label: ex-a
Do.
:::
::::

```text
{eq}`eq-a` stays
```
"""
FIGURE = {"figure": {"name": "fig-a", "caption": "A line, {glue:text}`x:.1f` s long."}}


def example(tmp_path, outputs=()):
    """A notebook of `PAGE` and a cell with a figure, beside another page."""
    (tmp_path / "other.md").write_text("# Another page\n\n(far)=\n## A section\n")
    chapter = tmp_path / "page.md"
    chapter.write_text(f"{PAGE}\n```{{code-cell}}\n---\nmystnb:\n  figure:\n    name: fig-a\n---\nx\n```\n")
    code = nbformat.v4.new_code_cell("x", metadata={"mystnb": FIGURE}, outputs=list(outputs), id="a")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(PAGE, id="b"), code])
    return readable(notebook, chapter)


GLUED = nbformat.v4.new_output(
    "display_data",
    data={"application/papermill.record/text/plain": "0.12345"},
    metadata={"scrapbook": {"name": "x", "mime_prefix": "application/papermill.record/"}},
)


def test_each_kind_of_markup(tmp_path):
    """Every role and directive of a page that has one of each, with the number that its cell has glued."""
    notebook = example(tmp_path, [GLUED])
    nbformat.validate(notebook)
    prose, code, caption = (cell.source for cell in notebook.cells)
    assert code == "x" and caption == "**Figure 1.** A line, 0.1 s long."
    first = " ".join(prose.split("\n\n")[1].split())
    assert first == (
        "See Theorem 2, (1) and Figure 1, (Hu, 2024; Rotter and Diesmann, 1999), Eshraghian et al. (2023), "
        "pole, `kernel`, *Another page*, there, A section of *Another page*: 0.12 s."
    )
    assert prose.startswith("# A page\n") and "a = b\n\\tag{1}\n$$" in prose
    assert "**Theorem 1 (First)**\n\nOne." in prose and "**Theorem 2**\n\nTwo." in prose
    assert re.search(r"\*\*Note\*\*\s+\*\*Exercise 1\*\*\s+Do\.", prose)
    assert prose.endswith("```text\n{eq}`eq-a` stays\n```")


def test_number_that_no_cell_has_glued_is_named(tmp_path):
    """A notebook that was not executed says which number belongs there."""
    prose = example(tmp_path).cells[0].source
    assert "`x` s." in prose
    assert formatted("n", {"n": "12"}) == "12" and formatted("s", {"s": "'word'"}) == "word"
    assert formatted("n:.1e", {"n": "0.00123"}) == "1.2e-03"


def test_rows_become_a_table():
    """The first row is the head; a bar within a cell does not end it."""
    rows = "* - A\n  - B\n* - a | b\n  - two\n    lines"
    assert table(rows) == "| A | B |\n| --- | --- |\n| a \\| b | two lines |"


def test_labels_and_works():
    """Each kind counts for itself; accents are letters, and `others` are not an author."""
    words = read_page(":::{prf:lemma}\n:label: a\n:::\n:::{exercise}\n:label: b\n:::\n").words
    assert words == {"a": "Lemma 1", "b": "Exercise 1"}
    works = read_works(BIBLIOGRAPHY)
    assert works["pedersen2024"] == ("Pedersen et al.", "2024")
    assert not any(re.search(r"[\\{}]|others", authors) for authors, _ in works.values())
    prose = Prose("time_step", read_pages(ROOT / "book"), {})
    assert prose.words("thm-closed-form") == "Theorem 1 of *The neuron below threshold*"


@pytest.mark.site
@pytest.mark.slow
def test_offered_notebooks_have_the_numbers(site):
    """Every glued number of the built site's notebooks stands in their text."""
    for path in CHAPTERS:
        notebook = nbformat.read(site / "_sources" / f"{path.stem}.ipynb", as_version=4)
        assert left_over(notebook) == [], path.stem
        values = glued_values(notebook)
        whole = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        for key in re.findall(r"\{glue:text\}`([^`]+)`", path.read_text(encoding="utf-8")):
            assert key.partition(":")[0] in values and formatted(key, values) in whole, (path.stem, key)
