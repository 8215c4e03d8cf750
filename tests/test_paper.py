"""The statement of need: short, its references known, its counts counted, its chapters in the book."""

import re
from pathlib import Path

import pytest
import yaml

from snntheory import ledger
from snntheory.gradients import EXACT, METHODS
from snntheory.linear import frameworks, schemes

ROOT = Path(__file__).parents[1]
PAPER = (ROOT / "paper" / "paper.md").read_text("utf-8")
FRONT, TEXT = PAPER.split("---\n", 2)[1:]
WORDS = dict(enumerate("zero one two three four five six seven eight nine ten eleven twelve".split()))


def test_front_matter_and_sections():
    """What the Journal of Open Source Software asks for, in 250 to 1000 words."""
    front = yaml.safe_load(FRONT)
    assert {"title", "tags", "authors", "affiliations", "date", "bibliography"} <= set(front)
    assert (ROOT / "paper" / front["bibliography"]).resolve() == ROOT / "book" / "references.bib"
    heads = re.findall(r"^# (.+)$", TEXT, flags=re.M)
    assert {"Summary", "Statement of need", "State of the field", "References"} <= set(heads)
    assert 250 <= len(TEXT.split()) <= 1000


def test_every_citation_is_in_the_bibliography():
    cited = set(re.findall(r"@([a-z]+\d{4})", TEXT))
    known = set(
        re.findall(r"^@\w+\{(\w+),", (ROOT / "book" / "references.bib").read_text("utf-8"), flags=re.M)
    )
    assert len(cited) > 10 and cited <= known


def test_every_claim_names_a_chapter_of_the_book():
    """Words in code style are chapters, but for the package's own names."""
    toc = (ROOT / "book" / "_toc.yml").read_text("utf-8")
    chapters = set(re.findall(r"file: (\w+)", toc))
    named = set(re.findall(r"`([a-z_]+)`", TEXT)) - {"snntheory", "recommend"}
    assert len(named) > 8 and named <= chapters


@pytest.mark.parametrize(
    ("phrase", "count"),
    [
        ("{} schemes are reduced", len(schemes.names())),
        ("{} methods stand beside each other", len(METHODS)),
        ("{} of them exact", len(EXACT)),
        (
            "{} libraries and two papers",
            len({n.split(".")[0] for n in frameworks.names()} - {"tssl_bp", "yang"}),
        ),
        ("check of {} works", len(ledger.SOURCES)),
    ],
)
def test_counts(phrase, count):
    """Numbers in words are those of the package."""
    assert phrase.format(WORDS[count]).lower() in " ".join(TEXT.lower().split())


def test_ledger_is_as_long_as_it_says():
    assert "more than 150 numbered equations" in " ".join(TEXT.split()) and len(ledger.entries()) > 150
