"""The ledger as records, for a file, and as a table, for a page."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from html import escape

from .._files import replacing
from .entry import Entry, Finding

Results = Iterable[tuple[Entry, Finding]]


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


def html_table(results: Results, caption: str = "") -> str:
    """A table for a page that renders LaTeX between ``\\(`` and ``\\)``.

    Columns: where it stands, what it says, the verdict, and below each other the right form, the consequence and the
    evidence.
    """
    rows = []
    for record in records(results):
        math = {
            key: rf"\({escape(record[key])}\)" if record[key] else "" for key in ("statement", "correction")
        }
        remarks = [
            f"<p><strong>Right:</strong> {math['correction']}</p>" if math["correction"] else "",
            f"<p>{escape(record['consequence'])}</p>" if record["consequence"] else "",
            f"<p><small>{escape(record['evidence'])}</small></p>",
        ]
        rows.append(
            f"<tr><th scope='row'>{escape(record['label'])}</th>"
            f"<td><p>{escape(record['title'])}</p><p>{math['statement']}</p></td>"
            f"<td>{escape(record['verdict'])}</td><td>{''.join(remarks)}</td></tr>"
        )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("where", "printed", "verdict", "remarks"))
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
