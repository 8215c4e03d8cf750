"""Which names of the package a chapter uses, read from its code cells; nothing is imported here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import jupytext

PACKAGE = "snntheory"


def chapter_code(path: Path) -> str:
    """The code cells of a page in order, as one program; empty for a page without any.

    Parameters
    ----------
    path : Path
        A MyST Markdown file.
    """
    text = path.read_text(encoding="utf-8")
    if "{code-cell}" not in text:
        return ""
    cells = jupytext.reads(text, fmt="md:myst").cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")


def chain(node: ast.AST) -> list[str]:
    """``["frameworks", "get"]`` for ``frameworks.get``; empty for anything but a name with attributes."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id, *parts] if isinstance(node, ast.Name) else []


def imported(tree: ast.Module) -> dict[str, str]:
    """Local name and dotted path of everything that is imported from this package."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.asname: a.name for a in node.names if a.asname and a.name.split(".")[0] == PACKAGE}
    return found


def used_paths(code: str) -> dict[str, str]:
    """What a program calls the package's objects that it reads, and their dotted paths.

    Parameters
    ----------
    code : str
        Plain Python.

    Returns
    -------
    dict[str, str]
        ``{"frameworks": "snntheory.linear.frameworks", "frameworks.get": "snntheory.linear.frameworks.get"}`` for a
        program that imports ``frameworks`` and calls ``frameworks.get``; in the order of first use. A path may lead
        to nothing: an attribute of a result looks the same.
    """
    tree = ast.parse(code)
    paths = imported(tree)

    def written(node: ast.AST) -> Iterator[tuple[tuple[int, int, int], list[str]]]:
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute | ast.Name) and isinstance(part.ctx, ast.Load):
                names = chain(part)
                if names and names[0] in paths:
                    yield (part.lineno, part.col_offset, len(names)), names

    found: dict[str, str] = {}
    for _, names in sorted(written(tree)):
        found.setdefault(".".join(names), ".".join([paths[names[0]], *names[1:]]))
    return found
