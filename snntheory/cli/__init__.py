"""The command line: train, evaluate, record, analyse, ledger, experiment, artefacts."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

from .._version import __version__
from . import checkpoints, ledger, recordings, results, training
from .console import complain, err, say, show_warning, text_of
from .words import in_options

app = typer.Typer(
    name="snntheory",
    help="What a time step does to a spiking neural network: train one, record it, analyse any recording.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for _command in (
    training.train,
    checkpoints.evaluate,
    checkpoints.record,
    recordings.analyse,
    ledger.ledger,
    results.experiment,
    results.artefacts,
):
    app.command()(_command)


def _version(show: bool) -> None:
    if show:
        say(f"snntheory {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _options(command: list[str]) -> dict[str, str]:
    """Options of a command by the arguments' names; none of an unknown command."""
    known: Any = typer.main.get_command(app)
    chosen = known.commands.get(*command) if command else None
    parameters = [] if chosen is None else chosen.params
    return {each.name: each.opts[0] for each in parameters if each.opts[0].startswith("--")}


def main() -> None:
    """Entry point: an error of the user's is one line on stderr and exit code 2."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show_warning
        try:
            app()
        except (ValueError, TypeError, OSError, FloatingPointError, ImportError) as error:
            complain("Error", "red", in_options(text_of(error), _options(sys.argv[1:2])))
            sys.exit(2)
        except KeyboardInterrupt:
            err.print("interrupted", highlight=False)
            sys.exit(130)
