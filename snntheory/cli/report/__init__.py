"""What ``snntheory analyse`` writes about a recording: a page that needs nothing else, its figures and its numbers."""

from __future__ import annotations

import csv
import json
import sys
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import xarray as xr

from ... import _files
from ..._trace_formats.netcdf import to_netcdf
from ..._version import __version__
from . import numbers, page
from .numbers import Analysis

SCHEMA = "snntheory-report/1"
FILES = ("report.html", "numbers.json", "spectrum.csv", "neurons.csv", "psd.nc", "psd.png", "scalogram.png")


def write_report(
    traces: xr.Dataset,
    folder: Path,
    method: str = "welch",
    skip: float = 0.0,
    trial: int = 0,
    neuron: int = 0,
    file: Path | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Write :data:`FILES` to ``folder`` and return the summary, quantity by quantity.

    Parameters
    ----------
    traces : xarray.Dataset
    folder : Path
        Made if it is not there.
    method, skip, trial, neuron
        As for :func:`snntheory.cli.report.numbers.analyse`.
    file, arguments
        What the traces were loaded from and with, for the provenance and for the code that does it again.

    Raises, Warns
        As :func:`snntheory.cli.report.numbers.analyse`; the warnings are in the report, too.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = numbers.analyse(traces, method, skip, trial, neuron)
    for each in caught:
        warnings.warn(str(each.message), stacklevel=2)
    said = numbers.summary(found)
    loaded = {key: value for key, value in (arguments or {}).items() if value is not None}
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "file": _file_facts(file),
        "made_with": _versions(),
        "options": {"method": method, "skip": skip, "trial": trial, "neuron": neuron},
        "unit": numbers.unit_of(traces),
        "summary": said,
        "warnings": [" ".join(str(each.message).split()) for each in caught],
        "attributes": {str(k): v for k, v in traces.attrs.items()},
        "identification": numbers.identification(found),
        "neurons": numbers.neurons(found),
        "spectrum": numbers.table(found),
    }
    identified = not isinstance(found.identified, str)
    code = page.code(file, loaded, facts["options"], numbers.first_sample(traces, skip), identified)
    folder.mkdir(parents=True, exist_ok=True)
    _draw(found, folder)
    with _files.replacing(folder / "psd.nc") as temporary:
        spectrum = found.spectra["voltage"].mean("trial")
        to_netcdf(spectrum.to_dataset(name="psd"), temporary)
    for name, columns in (("spectrum.csv", facts["spectrum"]), ("neurons.csv", facts["neurons"])):
        with _files.replacing(folder / name) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    _write(folder / "numbers.json", json.dumps(facts, indent=1, default=str) + "\n")
    _write(folder / "report.html", page.html(facts, code, folder))
    return said


def _write(path: Path, text: str) -> None:
    with _files.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _file_facts(file: Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    if not file.is_file():  # a Zarr store is a folder
        return {"name": file.name}
    return {"name": file.name, "bytes": file.stat().st_size, "sha256": _files.sha256(file)}


def _versions() -> dict[str, str]:
    names = ("numpy", "scipy", "xarray", "matplotlib")
    return {"snntheory": __version__, "python": sys.version.split()[0]} | {
        n: metadata.version(n) for n in names
    }


def _draw(found: Analysis, folder: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from ...plotting import psd_figure, scalogram_figure, use_style

    use_style()
    figures = {
        "psd.png": psd_figure(found.spectra, theory=found.theory, band=len(found.spectra) == 1),
        "scalogram.png": scalogram_figure(found.scalogram),
    }
    for name, (figure, _) in figures.items():
        with _files.replacing(folder / name) as temporary:
            figure.savefig(temporary)
        plt.close(figure)
