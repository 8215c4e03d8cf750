"""The package's docstrings as reStructuredText: bars stay bars, and closing remarks become sections.

Docstrings are written to be read in an editor: ``|W|^2`` is an absolute value, and a remark may be written as
``Accuracy: …`` or as ``Accuracy`` above an indented text. reStructuredText would take the first for a substitution,
and napoleon would take the others for one more exception below "Raises".
"""

import re
from typing import Any

from sphinx.application import Sphinx

SECTIONS = "Definition|Assumptions|Accuracy|References|Notes"


def escape_bars(lines: list[str]) -> list[str]:
    """Escape ``|`` outside literal text; substitutions are not used in docstrings.

    Parameters
    ----------
    lines : list of str
        A docstring, dedented.
    """
    escaped, block = [], None  # block: indentation of the paragraph that opened a literal block
    for line in lines:
        indentation = len(line) - len(line.lstrip())
        if block is not None and line.strip() and indentation <= block:
            block = None
        if block is None and not line.lstrip().startswith(">>>"):
            parts = re.split(r"(``.*?``)", line)
            line = "".join(
                part if part.startswith("``") else re.sub(r"(?<!\\)\|", r"\\|", part) for part in parts
            )
            if line.rstrip().endswith("::"):
                block = indentation
        escaped.append(line)
    return escaped


def underline_sections(lines: list[str]) -> list[str]:
    """Give closing remarks the heading that napoleon knows.

    Parameters
    ----------
    lines : list of str
        A docstring, dedented. ``Accuracy: text`` and ``Accuracy`` above an indented text become a section.
    """
    result: list[str] = []
    inside = False  # in the indented text below a heading that had no underline
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        found = re.fullmatch(rf"({SECTIONS})(?:: (.+))?", line)
        if found and found[2]:
            result += [found[1], "-" * len(found[1]), found[2]]
            inside = False
        elif found and following.startswith(" "):
            result += [line, "-" * len(line)]
            inside = True
        else:
            inside = inside and (not line.strip() or line.startswith(" "))
            result.append(line[4:] if inside and line.strip() else line)
    return result


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring in place (event ``autodoc-process-docstring``)."""
    lines[:] = underline_sections(escape_bars(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect before napoleon (it listens at the default priority, 500)."""
    app.connect("autodoc-process-docstring", process, priority=400)
    return {"parallel_read_safe": True}
