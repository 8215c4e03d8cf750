"""The ledger as records, for a file, and as a list, for a page."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from html import escape

from .._files import replacing
from .entry import Entry, Finding, Verdict

Results = Iterable[tuple[Entry, Finding]]

# what stands before the entry's correction
_BEFORE = {Verdict.HOLDS.value: "sharper: ", Verdict.CONDITION.value: "condition: "}

_TOKEN = re.compile(
    r"\\text\{(?P<words>[^{}]*)\}|(?P<gap>\\q?quad)\b|\\(?:begin|end)\{\w+\}|\\(?:left|right)\b|\\[a-zA-Z]+|\\.|[{}]"
)
_SPACES = re.compile(r"^(?:\s|\\[ ,;:])+|(?:\s|\\[ ,;:])+$")  # at the ends of a formula


def records(results: Results) -> list[dict[str, str]]:
    """One dictionary of texts for each entry: what is printed, what is right, and what was computed."""
    return [
        {
            "source": entry.source,
            "label": entry.label,
            "title": entry.title,
            "statement": entry.statement,
            "recorded": entry.recorded.value,
            "verdict": finding.verdict.value,
            "evidence": finding.evidence,
            "correction": entry.correction,
            "consequence": entry.consequence,
        }
        for entry, finding in results
    ]


def write_json(results: Results, path: str | os.PathLike[str]) -> None:
    """Write :func:`records` to a file, which is never left half-written."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(records(results), indent=1) + "\n", encoding="utf-8")


def html_list(results: Results) -> str:
    """The entries as a list for a page that renders LaTeX between ``\\(`` and ``\\)``.

    Each with its title and verdict, the printed form, the right form, the consequence and the evidence. A formula that
    is wider than the page scrolls.
    """
    items = []
    for record in records(results):
        text = {key: escape(value) for key, value in record.items()}
        weight = "normal" if record["verdict"] == Verdict.HOLDS else "bold"
        head = f"{text['label']}: {text['title']} &ndash; <span style='font-weight: {weight}'>{text['verdict']}</span>"
        lines = [
            _formula("", text["statement"]),
            _formula(_BEFORE.get(record["verdict"], "right: "), text["correction"])
            if text["correction"]
            else "",
            f"<div>{text['consequence']}</div>" if text["consequence"] else "",
            f"<div><small>{text['evidence']}</small></div>",
        ]
        items.append(f"<dt style='font-weight: normal'>{head}</dt><dd>{''.join(lines)}</dd>")
    # the class makes MathJax look into the output of a notebook
    return f"<dl class='mathjax_process'>{''.join(items)}</dl>"


def _formula(before: str, latex: str) -> str:
    return rf"<div style='overflow-x: auto; padding: 0.3em 0'>{before}{_flowing(latex)}</div>"


def _flowing(latex: str) -> str:
    r"""A formula as HTML that can wrap: ``\text`` outside every brace as words, a new formula after ``\quad``."""
    pieces: list[tuple[str, str]] = []
    start = depth = 0
    for token in _TOKEN.finditer(latex):
        found = token[0]
        if token["words"] is not None or token["gap"]:
            if depth == 0 and latex[token.start() - 1 : token.start()] not in ("_", "^"):
                pieces += [("formula", latex[start : token.start()]), ("words", token["words"] or "")]
                start = token.end()
        elif found in ("{", r"\left") or found.startswith(r"\begin"):
            depth += 1
        elif found in ("}", r"\right") or found.startswith(r"\end"):
            depth -= 1
    pieces.append(("formula", latex[start:]))
    html = ""
    for kind, piece in pieces:
        bare = _SPACES.sub("", piece) if kind == "formula" else piece.strip()
        if bare:
            space = "" if not html or bare[0] in ":,;)" or html.endswith(r"(\)") else " "
            html += space + (rf"\(\displaystyle {bare}\)" if kind == "formula" else bare)
    return html
