"""The command that analyses recordings, of this package or from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import say, say_table


def _seconds(text: str) -> float:
    """A number of seconds, without a unit."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number; seconds, for example 0.001") from None


def analyse(
    traces_file: Annotated[
        Path,
        typer.Argument(
            metavar="TRACES", help="A recording: .nc, .h5, .zarr, .npz, .npy, .csv, .pt, .nwb or .nix."
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for figures and numbers; default: TRACES without its ending."),
    ] = None,
    dims: Annotated[
        str | None,
        typer.Option(
            help="Axes of the array, for example time,trial,neuron; needed where the file does not say."
        ),
    ] = None,
    dt: Annotated[
        float | None,
        typer.Option(
            help="Time step in seconds; needed where the file does not say.",
            parser=_seconds,
            metavar="SECONDS",
        ),
    ] = None,
    variable: Annotated[
        str | None, typer.Option(help="Name (or path) of the array in a file with several.")
    ] = None,
    spikes: Annotated[
        str | None, typer.Option(help="Name of the array of spikes in a file with several.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Name of the array of times (seconds) in such a file.")
    ] = None,
    resample: Annotated[
        str | None,
        typer.Option(
            help="For times that are not uniform: previous, linear, pchip or cubic, to the step --dt."
        ),
    ] = None,
    skip: Annotated[float, typer.Option(help="Seconds to leave out at the start (onset).")] = 0.0,
    method: Annotated[str, typer.Option(help="Spectral estimate: welch or multitaper.")] = "welch",
    neuron: Annotated[int, typer.Option(help="Which neuron's scalogram is drawn.")] = 0,
    trial: Annotated[int, typer.Option(help="Which trial's scalogram is drawn.")] = 0,
) -> None:
    """Spectrum, wavelets and numbers of voltage traces, yours or recorded here, as a page of its own.

    Writes report.html, which needs nothing else, and beside it numbers.json, spectrum.csv, neurons.csv, psd.nc (the
    mean spectrum of every neuron) and both figures.
    """
    from .report import FILES, page, write_report

    axes = None if dims is None else tuple(part.strip() for part in dims.split(","))
    given: dict[str, Any] = {"dims": axes, "dt": dt, "variable": variable, "spikes": spikes, "time": time}
    given["resample"] = resample
    traces = _read(traces_file, given)
    target = traces_file.with_suffix("") if folder is None else folder
    say_table(write_report(traces, target, method, skip, trial, neuron, traces_file, given))
    say(f"how to read it: the chapter {page.CHAPTERS['recording']!r} of the book")
    say(f"wrote {target / 'report.html'} and, beside it, {', '.join(FILES[1:])}")


def _read(path: Path, given: dict[str, Any]) -> Any:
    """Traces of a file; those of the laboratory say their axes and times themselves."""
    from .. import interop
    from ..traces import load_traces

    suffix = path.suffix.lower()
    if suffix not in (".nwb", ".nix"):
        return load_traces(path, **given)
    taken = ("dt", "variable") if suffix == ".nwb" else ("dt",)
    refused = [name for name, value in given.items() if value is not None and name not in taken]
    if refused:
        raise ValueError(f"{refused[0]} is not for a {suffix} file, which says it itself; leave it out")
    if suffix == ".nwb":
        return interop.from_nwb(path, given["variable"], dt=given["dt"])
    return interop.from_nix(path, dt=given["dt"])
