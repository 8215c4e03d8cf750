"""What a notebook needs so that a reader may change a parameter and run all of it.

A chapter asserts its own numbers, so a changed parameter makes some assertion fail. That must stop the book's build,
but not the reader: in a notebook that is handed out, each cell with an assertion carries Jupyter's tag
``raises-exception``, which shows the failure and goes on with the next cell.
"""

import ast

from nbformat import NotebookNode

TAG = "raises-exception"


def is_assertion(node: ast.AST) -> bool:
    """Whether a node is an ``assert`` or a call of a function named ``assert_…``, as in `numpy.testing`."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", getattr(node.func, "id", "")).startswith("assert_")
    return isinstance(node, ast.Assert)


def has_assertion(source: str) -> bool:
    """Whether a cell asserts anything.

    Parameters
    ----------
    source : str
        Plain Python; text that is none (a magic) has no assertion.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    return any(is_assertion(node) for node in ast.walk(tree))


def tolerant(notebook: NotebookNode) -> NotebookNode:
    """The notebook, its cells with assertions tagged; changed in place.

    Parameters
    ----------
    notebook : NotebookNode

    Returns
    -------
    NotebookNode
    """
    for cell in notebook.cells:
        if cell.cell_type == "code" and has_assertion(cell.source):
            tags = cell.metadata.setdefault("tags", [])
            if TAG not in tags:
                tags.append(TAG)
    return notebook
