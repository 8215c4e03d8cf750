"""The command line: train, sweep, evaluate, record, analyse, ledger, experiment, artefacts, datasets, recommend."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

from .._version import __version__
from . import checkpoints, datasets, ledger, recommend, recordings, results, sweep, training
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
    sweep.sweep,
    checkpoints.evaluate,
    checkpoints.record,
    recordings.analyse,
    ledger.ledger,
    results.experiment,
    results.artefacts,
    recommend.recommend,
):
    app.command()(_command)
app.add_typer(datasets.app, name="datasets")


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
    """Options of a command, or of its part, by the arguments' names; none of an unknown command."""
    known: Any = typer.main.get_command(app)
    chosen = known.commands.get(command[0]) if command else None
    if chosen is not None and command[1:2] and command[1] in getattr(chosen, "commands", {}):
        chosen = chosen.commands[command[1]]
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
            complain("Error", "red", in_options(text_of(error), _options(sys.argv[1:3])))
            sys.exit(2)
        except KeyboardInterrupt:
            err.print("interrupted", highlight=False)
            sys.exit(130)
