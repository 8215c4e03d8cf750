"""The command that goes through the equations of the sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from .console import complain, err, out, say


def ledger(
    source: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option(help="One source only: hu, guichard, cojocaru, lee or yang."),
    ] = None,
    json: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write statements, verdicts and evidence to this file as well."),
    ] = None,
) -> None:
    """Check every equation of the sources and print what holds, what is a misprint, what does not reproduce.

    Each verdict is computed now. The exit code is 1 where one differs from the verdict that is recorded.
    """
    from .. import ledger as book
    from ..ledger.report import write_json

    chosen = book.entries(source)
    if json is not None and not json.parent.is_dir():  # said before the work, not after it
        raise FileNotFoundError(f"cannot write {json}: there is no folder {json.parent}; create it first")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("checking", total=len(chosen))
        results = book.run(
            chosen, lambda entry, finding: bar.update(task, advance=1, description=escape(entry.name))
        )
    table = Table("source", "equation", "title", "verdict", "evidence")
    for entry, finding in results:
        cells = (entry.source, entry.label, entry.title, finding.verdict.value, finding.evidence)
        table.add_row(*map(escape, cells))
    out.print(table)
    if json is not None:
        write_json(results, json)
        say(f"wrote {json}")
    counts = {
        verdict.value: sum(found.verdict is verdict for _, found in results) for verdict in book.Verdict
    }
    say(f"{len(results)} entries: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n))
    changed = book.differing(results)
    for entry, finding in changed:
        complain(
            "Changed",
            "red",
            f"{entry.name}: computed {finding.verdict.value!r}, recorded {entry.recorded.value!r}: {finding.evidence}",
        )
    if changed:
        raise typer.Exit(1)
