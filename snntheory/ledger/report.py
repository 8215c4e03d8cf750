"""The ledger as records, for a file, and as a list, for a page."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from html import escape

from .._files import replacing
from .entry import Entry, Finding, Verdict

Results = Iterable[tuple[Entry, Finding]]

# what stands before the entry's correction
_BEFORE = {Verdict.HOLDS.value: "sharper: ", Verdict.CONDITION.value: "condition: "}


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
    return rf"<div style='overflow-x: auto; padding: 0.3em 0'>{before}\(\displaystyle {latex}\)</div>"
