"""What the labels of the book's pages stand for, in words: for notebooks, in which nothing resolves a reference."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pybtex.database import Person, parse_file
from pybtex.richtext import Text

FENCE = re.compile(r"(?ms)^```.*?^```[ \t]*$")
KINDS = {
    "prf:theorem": "Theorem",
    "prf:proposition": "Proposition",
    "prf:definition": "Definition",
    "prf:remark": "Remark",
    "prf:lemma": "Lemma",
    "prf:corollary": "Corollary",
    "exercise": "Exercise",
}


@dataclass
class Page:
    """A page's title, and the words for its labels: ``{"thm-closed-form": "Theorem 1", "eq-neuron": "(1)"}``."""

    title: str
    words: dict[str, str] = field(default_factory=dict)


def read_page(text: str) -> Page:
    """Number figures, equations, theorems (each kind for itself) and exercises of a page in their order.

    Parameters
    ----------
    text : str
        MyST Markdown.
    """
    prose = FENCE.sub("", text)
    title = re.search(r"(?m)^# (.+)$", prose)
    page = Page(title[1].strip() if title else "")
    for label, heading in re.findall(r"(?m)^\(([\w:-]+)\)=\n+#+ (.+)$", prose):
        page.words[label] = heading.strip()
    for number, label in enumerate(re.findall(r"(?m)^ +name: (fig-[\w-]+)\s*$", text), 1):
        page.words[label] = f"Figure {number}"
    for number, label in enumerate(re.findall(r"(?m)^\$\$ \(([\w:-]+)\)$", prose), 1):
        page.words[label] = f"({number})"
    for kind, word in KINDS.items():
        blocks = re.findall(rf"(?m)^:::+\{{{kind}\}}[^\n]*\n((?::[\w-]+:.*\n)*)", prose)
        for number, options in enumerate(blocks, 1):
            label = re.search(r"(?m)^:label: *(\S+)", options)
            if label:
                page.words[label[1]] = f"{word} {number}"
    return page


@cache
def read_pages(folder: Path) -> dict[str, Page]:
    """Every page of a folder, by the name of its file without suffix."""
    return {path.stem: read_page(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.md"))}


def surname(person: Person) -> str:
    """With its particles, LaTeX's accents as letters."""
    return str(Text.from_latex(" ".join([*person.prelast_names, *person.last_names])))


@cache
def read_works(bibliography: Path) -> dict[str, tuple[str, str]]:
    """Authors and year of every work: ``{"hu2024": ("Hu", "2024")}``; of three or more authors the first."""
    works = {}
    for key, entry in parse_file(str(bibliography)).entries.items():
        names = [surname(person) for person in entry.persons.get("author", entry.persons.get("editor", []))]
        many = len(names) > 2 or names[-1:] == ["others"]
        authors = f"{names[0]} et al." if many else " and ".join(names) or key
        works[key] = (authors, entry.fields.get("year", "n.d."))
    return works
