"""Write a clean ``.ipynb`` of every chapter: ``python book/_ext/write_notebooks.py [folder]`` (``make notebooks``)."""

import os
import sys
from pathlib import Path

import jupytext
import nbformat
import yaml
from snntheory_book.readable import readable
from snntheory_book.rerun import tolerant

ROOT = Path(__file__).resolve().parents[2]


def toc_files(toc: Path) -> list[str]:
    """Names of the pages in a table of contents, in reading order, without suffix.

    Parameters
    ----------
    toc : Path
        A ``_toc.yml`` of Jupyter Book 1.x.
    """

    def walk(node: object) -> list[str]:
        if isinstance(node, list):
            return [name for item in node for name in walk(item)]
        if isinstance(node, dict):
            own = [node[key] for key in ("root", "file") if key in node]
            return own + [
                name for key in ("parts", "chapters", "sections") for name in walk(node.get(key, []))
            ]
        return []

    return walk(yaml.safe_load(toc.read_text(encoding="utf-8")))


def clean_notebook(chapter: Path) -> nbformat.NotebookNode:
    """The chapter as a notebook without outputs.

    Parameters
    ----------
    chapter : Path
        A MyST Markdown file with code cells.

    Returns
    -------
    NotebookNode
        Format 4.5, with the chapter's kernel and nothing that only the book's builder needs. A failing assertion does
        not stop it: see `snntheory_book.rerun`; its prose is plain Markdown: see `snntheory_book.readable`.
    """
    notebook = jupytext.read(chapter, fmt="md:myst")
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    readable(notebook, chapter)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{chapter.stem.replace('_', '-')}-{number}"[-64:]  # the same file from the same source
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    tolerant(notebook)
    nbformat.validate(notebook)
    return notebook


def main(folder: Path) -> None:
    """Write all notebooks into a folder, each by way of a temporary file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in toc_files(ROOT / "book" / "_toc.yml"):
        chapter = ROOT / "book" / f"{name}.md"
        if "{code-cell}" not in chapter.read_text(encoding="utf-8"):
            continue
        target = folder / f"{name}.ipynb"
        temporary = target.with_name(target.name + ".tmp")
        nbformat.write(clean_notebook(chapter), temporary)
        os.replace(temporary, target)
        print(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "notebooks")
