"""No line of a page's text is lost: in MyST a line that begins with a percent sign is a comment."""

import re
from pathlib import Path

import pytest
from write_notebooks import toc_files

ROOT = Path(__file__).resolve().parents[2]


def lost_lines(text: str) -> list[str]:
    """Lines outside of code blocks that the reader of Markdown leaves out.

    A line of its own may be a comment on purpose; one that continues a paragraph is an accident of line breaking.
    """
    prose = re.sub(r"(?ms)^(`{3,})(?!\{(?:admonition|figure|exercise|solution|prf:)).*?^\1\s*$", "", text)
    return re.findall(r"(?m)(?<=[^\n]\n)^%.*$", prose)


@pytest.mark.parametrize("name", toc_files(ROOT / "book" / "_toc.yml"))
def test_no_line_becomes_a_comment(name):
    """The remedy is another line break."""
    assert lost_lines((ROOT / "book" / f"{name}.md").read_text(encoding="utf-8")) == []


def test_the_check_objects():
    """An accident, a comment on purpose, a line of code."""
    text = (
        "It reaches {glue:text}`best`\n%, which is less.\n\n% A note.\n\n```python\nx = 1\n%timeit x\n```\n"
    )
    assert lost_lines(text) == ["%, which is less."]
