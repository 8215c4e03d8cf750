"""The command that trains networks for every combination of some settings."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from .console import out, say, text_of
from .options import value_of

_List = Optional[str]  # noqa: UP045 - typer reads the annotation at run time


def sweep(
    folder: Annotated[Path, typer.Option("--out", help="Folder of the results; the same call resumes.")],
    dt: Annotated[_List, typer.Option(help="Time steps in seconds, comma separated.")] = None,
    seed: Annotated[_List, typer.Option(help="Seeds, comma separated.")] = None,
    scheme: Annotated[_List, typer.Option(help="Discretisations, comma separated.")] = None,
    gradient: Annotated[
        _List,
        typer.Option(
            "--gradient",
            "--method",
            help="Gradients as of 'snntheory train', comma separated: surrogate, adjoint ...",
        ),
    ] = None,
    sizes: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Neurons of the input and every layer; repeat it for several networks."),
    ] = None,
    set_: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--set",
            metavar="NAME=VALUE,VALUE,...",
            help="Any other setting, such as epochs=5, learning_rate=1e-3,2e-3 or options.estimator=clean,mixed; "
            "may be repeated.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help=r"Settings from a TOML or JSON file: \[axes] and \[settings].")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes on this machine; default: one for each core.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of each process.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, tcp://host:8786, whose workers are used.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Repeat runs that were refused or failed.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the checkpoints of trainings that are done.")
    ] = False,
) -> None:
    """Train and test a network for every combination of settings: time steps, seeds, schemes, gradients, any other.

    Settings are those of 'snntheory train', with underscores. Every result is kept when its run is done: an interrupted
    sweep goes on with the same command, and values may be added to it. Labelled results: OUT/sweep.nc.
    """
    from ..training import setup
    from ..training.sweeps import sweep as run

    axes, settings = _of_file(config) if config is not None else ({}, {})
    given = {"dt": dt, "seed": seed, "scheme": scheme, "gradient": gradient}
    chosen = {name: _values(text) for name, text in given.items() if text is not None}
    if sizes:
        chosen["sizes"] = [_values(each) for each in sizes]
    for each in set_ or []:
        name, mark, text = each.partition("=")
        if not mark or not name:
            raise ValueError(f"--set must look like NAME=VALUE,VALUE, got {each!r}")
        chosen[name.replace("-", "_")] = _values(text)
    for name, values in chosen.items():  # what is typed goes before what is in the file
        axes.pop(name, None)
        settings.pop(name, None)
        if len(values) > 1 or name in given:
            axes[name] = values
        else:
            settings[name] = values[0]
    if not axes:
        raise ValueError(
            "nothing to sweep over: give --dt, --seed, --scheme, --gradient or --set NAME=VALUE,VALUE"
        )
    if scheduler is not None and not re.fullmatch(r"(\w+://)?([^\s/:]+|\[[\w:]+\]):\d+/?", scheduler):
        raise ValueError(f"scheduler must be an address such as tcp://host:8786, got {scheduler!r}")
    try:
        found = run(
            setup.train,
            axes,
            folder,
            settings=settings,
            canonical=setup.canonical,
            workers=workers,
            scheduler=scheduler,
            threads=threads,
            again=again,
            keep=keep,
            show=True,
        )
    except (TimeoutError, ConnectionError) as error:
        raise ValueError(
            f"scheduler must be the address of a Dask scheduler that runs, {scheduler} does not answer "
            f"({text_of(error)}); start one with 'dask scheduler', or leave it out for processes of this machine"
        ) from None
    _show(found, list(axes))
    say(f"wrote {folder / 'sweep.nc'}")


def _values(text: str) -> list[Any]:
    """Values separated by commas; a JSON list in brackets is one value."""
    whole = value_of(text)
    if isinstance(whole, list):
        return [whole]
    return [value_of(part.strip()) for part in text.split(",")]


def _of_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Axes and settings of a file."""
    try:
        if path.suffix == ".json":
            content = json.loads(path.read_text(encoding="utf-8"))
        else:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:  # of JSON and of TOML
        raise ValueError(
            f"{path} is no readable {path.suffix.lstrip('.').upper() or 'TOML'} file ({error})"
        ) from None
    tables = ("axes", "settings")
    if not isinstance(content, dict) or not all(isinstance(each, dict) for each in content.values()):
        raise ValueError(f"{path} must have the tables [axes] and [settings]")
    unknown = sorted(set(content) - set(tables))
    if unknown:
        raise ValueError(f"{path} must have the tables [axes] and [settings]; it has {unknown[0]!r}")
    return dict(content.get("axes", {})), dict(content.get("settings", {}))


def _show(found: Any, axes: list[str]) -> None:
    """The results as a table: one row a combination."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(*axes, "state", "accuracy", "spikes by layer", "seconds", "error")
    stacked = found.stack(run=axes)
    for n in range(stacked.sizes["run"]):
        row = stacked.isel(run=n)
        accuracy = float(row["accuracy"]) if "accuracy" in row else float("nan")
        spikes = row["spikes"].values if "spikes" in row else []
        table.add_row(
            *(
                escape(f"{row[axis].item():g}" if row[axis].dtype.kind in "if" else str(row[axis].item()))
                for axis in axes
            ),
            str(row["state"].item()),
            "" if accuracy != accuracy else f"{100 * accuracy:.2f} %",
            ", ".join(f"{each:.1f}" for each in spikes if each == each),
            f"{float(row['seconds']):.1f}",
            escape(str(row["error"].item())),
        )
    out.print(table)
