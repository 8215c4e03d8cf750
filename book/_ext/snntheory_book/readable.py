"""A chapter's notebook for reading outside the book: its prose in plain Markdown.

Jupyter does not know MyST. In a notebook that is handed out, glued numbers stand as text, references as the words that
they stand for, and directives as a bold title with their text; captions stand below their figures. Code cells stay as
they are.
"""

import re
from pathlib import Path

from nbformat import NotebookNode

from .labels import FENCE, KINDS, Page, read_pages, read_works

ROLE = re.compile(r"\{([a-z:]+)\}`([^`]+)`")
BIBLIOGRAPHY = Path(__file__).resolve().parents[2] / "references.bib"


def glued_values(notebook: NotebookNode) -> dict[str, str]:
    """Text of everything that the cells have glued, from their outputs; empty for a notebook without any."""
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            texts = [t for kind, t in output.get("data", {}).items() if kind.endswith("text/plain")]
            if name and texts:
                found[name] = "".join(texts[0])
    return found


def formatted(key: str, values: dict[str, str]) -> str:
    """A glued number as the page has it, ``name:.2f``; the name as code where no cell has been run."""
    name, _, spec = key.partition(":")
    if name not in values:
        return f"`{name}`"
    text = values[name].strip("'\"")
    return format(float(text), spec) if spec else text


def citation(keys: str, in_text: bool, works: dict[str, tuple[str, str]]) -> str:
    """``Hu (2024)`` in the text, ``(Hu, 2024; Yang, 2020)`` else."""
    cited = [works[key.strip()] for key in keys.split(",")]
    if in_text:
        return ", ".join(f"{authors} ({year})" for authors, year in cited)
    return f"({'; '.join(f'{authors}, {year}' for authors, year in cited)})"


class Prose:
    """Turns one page's MyST Markdown into plain Markdown.

    Parameters
    ----------
    name : str
        The page's name.
    pages : dict of str to Page
        All pages, this one among them.
    values : dict of str to str
        What its cells have glued.
    """

    def __init__(self, name: str, pages: dict[str, Page], values: dict[str, str]) -> None:
        self.name, self.pages, self.values = name, pages, values
        self.works = read_works(BIBLIOGRAPHY)
        self.counts = dict.fromkeys(KINDS, 0)

    def words(self, label: str) -> str:
        """What a label stands for, with the chapter where it is in another one."""
        own = self.pages[self.name].words
        if label in own:
            return own[label]
        for page in self.pages.values():
            if label in page.words:
                words = page.words[label]
                return f"*{words}*" if words == page.title else f"{words} of *{page.title}*"
        return label

    def role(self, match: re.Match[str]) -> str:
        """One role as text."""
        kind, content = match[1], re.sub(r"\s+", " ", match[2]).strip()
        if kind == "glue:text":
            return formatted(content, self.values)
        if kind in ("cite", "cite:p", "cite:t"):
            return citation(content, kind == "cite:t", self.works)
        titled = re.fullmatch(r"(.+?) <([^>]+)>", content)
        if titled:
            return titled[1]
        if kind == "doc":
            page = self.pages.get(content.lstrip("/"))
            return f"*{page.title}*" if page else content
        if kind in ("numref", "eq", "prf:ref", "ref"):
            return self.words(content)
        if kind in ("func", "class", "meth", "mod"):
            return f"`{content.rsplit('.', 1)[-1] if content.startswith('~') else content}`"
        return content

    def inline(self, text: str) -> str:
        """Text with its roles replaced."""
        return ROLE.sub(self.role, text)

    def directive(self, kind: str, argument: str, body: list[str]) -> str:
        """A directive as a bold title and its text, without its options."""
        while body and re.match(r":[\w-]+:", body[0]):
            body = body[1:]
        text = "\n".join(body).strip("\n")
        if kind == "list-table":
            return f"**{argument}**\n\n{table(text)}" if argument else table(text)
        if kind == "solution-start":
            return f"**Solution of {self.words(argument).lower()}**\n\n{text}"
        if kind == "solution-end":
            return ""
        if kind == "prf:proof":
            return f"*Proof.* {text}"
        if kind in KINDS:
            self.counts[kind] += 1
            title = f"{KINDS[kind]} {self.counts[kind]}" + (f" ({argument})" if argument else "")
            return f"**{title}**\n\n{text}"
        return f"**{argument}**\n\n{text}" if argument else text

    def directives(self, text: str) -> str:
        """Text with its colon fences replaced, the inner ones first."""
        stack: list[tuple[str, str, list[str]]] = [("", "", [])]
        for line in text.split("\n"):
            opened = re.match(r":{3,}\{([\w:-]+)\}\s*(.*)$", line)
            if opened:
                stack.append((opened[1], opened[2].strip(), []))
            elif re.fullmatch(r":{3,}\s*", line) and len(stack) > 1:
                done = self.directive(*stack.pop())
                stack[-1][2].extend(["", *done.split("\n"), ""])
            else:
                stack[-1][2].append(line)
        return "\n".join(line for _, _, lines in stack for line in lines)

    def plain(self, text: str) -> str:
        """A Markdown cell's text; its blocks of code stay as they are."""
        codes = FENCE.findall(text)
        text = FENCE.sub("\0", text)
        text = re.sub(r"(?m)^\([\w:-]+\)=\n", "", text)
        own = self.pages[self.name].words
        text = re.sub(r"(?m)^\$\$ \(([\w:-]+)\)$", lambda m: f"\\tag{{{own[m[1]].strip('()')}}}\n$$", text)
        text = re.sub(r"(?m)(?<=\S)\n: (?=\S)", ": ", text)  # a definition list
        text = re.sub(r"\n{3,}", "\n\n", self.inline(self.directives(text))).strip("\n")
        return re.sub("\0", lambda _: codes.pop(0), text)


def table(text: str) -> str:
    """The rows of a ``list-table``, the first of them its head, as a table of plain Markdown."""
    rows = [re.split(r"(?m)^  - ", f"  - {row}")[1:] for row in re.split(r"(?m)^\* - ", text)[1:]]
    cells = [[re.sub(r"\s+", " ", cell).strip().replace("|", r"\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|" + " --- |" * len(cells[0]), *lines[1:]])


def readable(notebook: NotebookNode, chapter: Path) -> NotebookNode:
    """The notebook with its prose in plain Markdown; changed in place.

    Parameters
    ----------
    notebook : NotebookNode
    chapter : Path
        The chapter's source, beside the other pages.

    Returns
    -------
    NotebookNode
    """
    prose = Prose(chapter.stem, read_pages(chapter.parent), glued_values(notebook))
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = prose.plain(cell.source)
            if not cell.source.strip():
                continue
        cells.append(cell)
        figure = cell.metadata.get("mystnb", {}).get("figure", {}) if cell.cell_type == "code" else {}
        if "caption" in figure:
            source = f"**{prose.words(figure['name'])}.** {prose.inline(figure['caption'])}"
            below = NotebookNode(cell_type="markdown", metadata=NotebookNode(), source=source)
            if "id" in cell:
                below["id"] = f"{figure['name']}-caption"[-64:]
            cells.append(below)
    notebook.cells = cells
    return notebook
