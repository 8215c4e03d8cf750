"""Spectral estimates of many traces beside SciPy and Elephant, in one process, with their largest difference.

    python benchmarks/spectra.py [--json results.json]

Elephant (``pip install elephant``) is compared where it is installed; without it its rows say so. Everybody gets the
same traces, segments and tapers; the contenders of a task run in turn. SciPy's and Elephant's densities are one-sided,
twice ours between 0 and the Nyquist frequency; that is taken into account in the difference.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table
from scipy import signal

from snntheory import CubaLIF, discretize
from snntheory._files import replacing
from snntheory.spectral import coherence, cross_spectrum, psd

DT, SEGMENT, NW = 1e-3, 1024, 4.0
Run = Callable[[], np.ndarray]


def make_traces(traces: int, samples: int, seed: int = 0) -> tuple[xr.DataArray, xr.DataArray]:
    """Input per step and voltage of neurons below threshold, (neuron, time)."""
    rng = np.random.default_rng(seed)
    inputs = rng.poisson(0.5, (traces, samples)) * 0.3
    voltage = discretize(CubaLIF(0.020, 0.005), DT, "impulse_invariance").simulate(inputs)[0]
    voltage = voltage + 0.01 * rng.standard_normal(voltage.shape)
    labelled = [
        xr.DataArray(each - each.mean(axis=1, keepdims=True), dims=("neuron", "time"), attrs={"dt": DT})
        for each in (inputs, voltage)
    ]
    return labelled[0], labelled[1]


def two_sided(density: np.ndarray) -> np.ndarray:
    """A one-sided density of an even number of samples, halved between the ends."""
    out = np.array(density)
    out[..., 1:-1] /= 2
    return out


def contenders(x: xr.DataArray, y: xr.DataArray) -> dict[str, dict[str, Run]]:
    """Task to name to a function that returns the estimate as ours defines it."""
    fs, a, b = 1 / DT, x.values, y.values
    scipy_options: dict[str, Any] = {"fs": fs, "nperseg": SEGMENT}
    ours: dict[str, Any] = {"segment_samples": SEGMENT}
    tasks: dict[str, dict[str, Run]] = {
        "Welch": {
            "snntheory": lambda: psd(y, **ours).values,
            "SciPy": lambda: two_sided(signal.welch(b, **scipy_options)[1]),
        },
        "cross-spectrum": {
            "snntheory": lambda: cross_spectrum(x, y, **ours).values,
            "SciPy": lambda: two_sided(signal.csd(a, b, **scipy_options)[1]),
        },
        "coherence": {
            "snntheory, with intervals": lambda: coherence(x, y, **ours)["coherence"].values,
            "SciPy": lambda: signal.coherence(a, b, **scipy_options)[1],
        },
        "multitaper": {
            "snntheory": lambda: psd(y, "multitaper").values,
            "snntheory, adaptive, jackknife": lambda: (
                psd(y, "multitaper", adaptive=True, confidence=0.95)["psd"].values
            ),
        },
        "multitaper coherence": {
            "snntheory, jackknife": lambda: coherence(x, y, "multitaper")["coherence"].values,
        },
    }
    if find_spec("elephant") is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from elephant import spectral

        segments: dict[str, Any] = {"fs": fs, "len_segment": SEGMENT, "n_segments": None}
        tasks["Welch"]["Elephant"] = lambda: two_sided(spectral.welch_psd(b, **segments)[1])
        tasks["coherence"]["Elephant"] = lambda: spectral.welch_coherence(a, b, **segments)[1]
        tasks["multitaper"]["Elephant"] = lambda: two_sided(spectral.multitaper_psd(b, fs=fs, nw=NW)[1])
        # takes two traces a call
        tasks["multitaper coherence"]["Elephant"] = lambda: np.array(
            [
                np.squeeze(spectral.multitaper_coherence(one, two, fs=fs, nw=NW)[1])
                for one, two in zip(a, b, strict=True)
            ]
        )
    return tasks


def difference(found: np.ndarray, ours: np.ndarray) -> float:
    """Median over traces and inner frequencies of |found - ours| / |ours|."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.nanmedian(np.abs(found / ours - 1)[..., 1:-1]))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--traces", type=int, default=32)
    parser.add_argument("--samples", type=int, default=16384)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write settings and all times to PATH")
    arguments = parser.parse_args(argv)
    for name, least in (("traces", 1), ("samples", 2 * SEGMENT), ("repetitions", 1)):
        if getattr(arguments, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(arguments, name)}")
    if arguments.json and not arguments.json.resolve().parent.is_dir():
        parser.error(f"--json: the folder {arguments.json.resolve().parent} does not exist; create it first")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Measure, print, write; 1 if another library's Welch estimates differ from ours by more than rounding."""
    arguments = parse(argv)
    x, y = make_traces(arguments.traces, arguments.samples)
    rows: list[dict[str, Any]] = []
    for task, runs in contenders(x, y).items():
        first = next(iter(runs.values()))()
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        differ = {name: difference(run(), first) for name, run in runs.items()}
        for _ in range(arguments.repetitions):
            for name, run in runs.items():
                start, start_processor = time.perf_counter(), time.process_time()
                run()
                times[name].append((time.perf_counter() - start, time.process_time() - start_processor))
        for name, each in times.items():
            wall, processor = zip(*each, strict=True)
            rows.append(
                {"task": task, "name": name, "seconds": wall, "processor_seconds": processor}
                | {"difference": differ[name]}
            )
    facts = {
        **vars(arguments),
        "json": None,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": {package: _version(package) for package in ("snntheory", "numpy", "scipy", "elephant")},
    }
    if arguments.json:
        with replacing(arguments.json) as path:
            path.write_text(json.dumps({"settings": facts, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    _print(rows, facts)
    same = ("Welch", "cross-spectrum", "coherence")
    off = [row for row in rows if row["task"] in same and row["difference"] > 1e-9]
    for row in off:
        print(f"Not comparable: {row['name']}, {row['task']}, differs by {row['difference']:.1g}")
    return 1 if off else 0


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _print(rows: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    console = Console(width=120)
    table = Table(
        title=f"{facts['traces']} traces of {facts['samples']} samples, segments of {SEGMENT}, NW = {NW:g}"
    )
    table.add_column("task", no_wrap=True)
    table.add_column("contender", no_wrap=True)
    for name in ("wall ms", "CPU ms", "wall / ours", "CPU / ours", "differs by"):
        table.add_column(name, justify="right", no_wrap=True)
    ours: dict[str, tuple[float, float]] = {}
    for row in rows:
        wall, processor = (statistics.median(row[key]) for key in ("seconds", "processor_seconds"))
        base = ours.setdefault(row["task"], (wall, processor))
        table.add_row(
            row["task"], row["name"], f"{1e3 * wall:.0f}", f"{1e3 * processor:.0f}", f"{wall / base[0]:.2f}",
            f"{processor / base[1]:.2f}", f"{row['difference']:.1e}",
        )  # fmt: skip
    console.print(table)
    if facts["versions"]["elephant"] is None:
        console.print("Elephant: not installed: pip install elephant")
    console.print(
        "Ratios are of medians, to the first row of the task. Difference: median over traces and frequencies.\n"
        "Elephant's tapers are the periodic ones, ours and SciPy's default the symmetric ones: they differ slightly."
    )
    if facts["load_average"] is not None and facts["load_average"] > 0.3:
        console.print(
            f"Something else was running (load average {facts['load_average']:.1f}): read the CPU times."
        )


if __name__ == "__main__":
    raise SystemExit(main())
