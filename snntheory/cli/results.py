"""Commands about recorded results: experiment makes them, artefacts lists and verifies them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import _check
from .console import say

_GOES_ON_FROM = {"collapse": "time-step-sweep"}
"""Whose trainings an experiment takes up; any other keeps its unfinished work to itself."""


def experiment(
    name: Annotated[
        str,
        typer.Argument(help="Which experiment; a name that is none is answered with those there are."),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="A miniature of seconds, to see that it runs.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="The source's own sizes, where what was recorded is smaller: hours."),
    ] = False,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the artefacts.")] = Path("results"),
) -> None:
    """Run an experiment of a source document and write its artefacts; a killed run goes on where it was."""
    from .. import experiments

    _check.choice("name", name, experiments.NAMES)
    chosen = experiments.module(name)
    settings = chosen.Settings()
    if quick and full:
        raise ValueError("give --quick or --full, not both")
    if full and not hasattr(settings, "full"):
        raise ValueError(
            f"--full is what {name} does without it: its settings are those of the source; leave it out"
        )
    size = "quick" if quick else "full" if full else ""
    if size:
        settings = getattr(settings, size)()
    folder.mkdir(parents=True, exist_ok=True)
    command = f"snntheory experiment {name}" + (f" --{size}" if size else "")
    state = folder / (f"state-{size}" if size else "state") / _GOES_ON_FROM.get(name, name)
    chosen.run(settings, folder, state, command, report=say, progress=True)


def artefacts(
    folder: Annotated[
        Path | None, typer.Option(help="Folder of artefacts; default: those that ship with the package.")
    ] = None,
) -> None:
    """List recorded results, verify their digests and show where they come from."""
    from .. import artefacts as recorded

    where = recorded.FOLDER if folder is None else folder
    found = recorded.names(where)
    if not found:
        raise ValueError(f"there are no artefacts in {where}")
    for name in found:
        recorded.load(name, where)
        say(recorded.one_line(name, where))
