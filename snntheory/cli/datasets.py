"""Commands about data sets: what is there, and fetching what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .console import out, say

app = typer.Typer(
    help="List the data sets and whether their files are on disk and verified; 'fetch' gets one."
)

Folder = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads the annotation at run time
    typer.Option(help="Folder of data sets; default: SNNTHEORY_DATA, or this user's cache."),
]


@app.callback(invoke_without_command=True)
def datasets(context: typer.Context, folder: Folder = None) -> None:
    """List the data sets, where their files are, and whether they are the published ones."""
    if context.invoked_subcommand is not None:
        return
    from rich.table import Table

    from ..training import datasets as known

    table = Table("name", "train", "test", "shape", "classes", "files")
    for name in known.names():
        if name not in known.ENTRIES:
            continue
        there = known.status(name, folder)
        entry = there.entry
        states = ", ".join(f"{there.files.count(state)} {state}" for state in dict.fromkeys(there.files))
        table.add_row(
            name,
            *(str(entry.counts[split]) for split in ("train", "test")),
            " x ".join(map(str, entry.shape)),
            str(entry.n_classes),
            states if there.folder is None else f"{states} in {there.folder}",
        )
    out.print(table)
    shipped = ", ".join(name for name in known.names() if name not in known.ENTRIES)
    say(f"shipped with the package: {shipped}")
    try:
        say(f"folder: {known.home() if folder is None else folder}")
    except ModuleNotFoundError as error:
        say(f"folder: {error}; or set SNNTHEORY_DATA")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Such as fashion-mnist; 'snntheory datasets' lists all.")],
    folder: Folder = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Fetch those again that are there under another digest.")
    ] = False,
) -> None:
    """Download the files of a data set and verify them; an interrupted download goes on where it was."""
    from ..training import datasets as known

    for path in known.fetch(name, folder, replace=replace):
        say(f"verified {path}")
    entry = known.ENTRIES[name]
    say(f"licence: {entry.licence}; cite {entry.citation}")
