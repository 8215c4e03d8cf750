"""Commands about recorded results: experiment makes them, artefacts lists and verifies them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import _check
from .console import say


def experiment(
    name: Annotated[
        str,
        typer.Argument(
            help="Which experiment: time-step-spectra, spectral-causes, gradient-fidelity, xor, iris, yin-yang, "
            "yin-yang-surrogates, yin-yang-beyond, step-size-accuracy, integration-order, "
            "time-step-sweep, time-step-fashion, collapse, "
            "convolutional."
        ),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="A miniature of seconds, to see that it runs.")
    ] = False,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the artefacts.")] = Path("results"),
) -> None:
    """Run an experiment of a source document and write its artefacts; a killed run goes on where it was."""
    from .. import experiments

    _check.choice("name", name, experiments.NAMES)
    chosen = experiments.module(name)
    settings = chosen.Settings()
    if quick:
        settings = settings.quick()
    folder.mkdir(parents=True, exist_ok=True)
    command = f"snntheory experiment {name}" + (" --quick" if quick else "")
    state = folder / ("state-quick" if quick else "state")
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
