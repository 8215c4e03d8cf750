"""Clocked simulation of many neurons beside the same in Brian2's runtime mode, in one process, with spike-time errors.

    python benchmarks/clocked.py [--json results.json]

README.md in this folder says how to install Brian2; without it its rows say so.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from snntheory import CubaLIF
from snntheory._files import replacing
from snntheory.spiking import compare_trains, exact_spike_times, simulate

NEURON = CubaLIF(tau_mem=0.020, tau_syn=0.005)
WEIGHT = 0.0016
RATE = 1000.0


@dataclass(frozen=True)
class Task:
    """Poisson trains on the lattice of the step, one for each neuron: nobody has to round them."""

    dt: float
    duration: float
    steps: list[np.ndarray]

    @property
    def trains(self) -> list[np.ndarray]:
        """Input times in seconds."""
        return [steps * self.dt for steps in self.steps]


Trains = list[np.ndarray]


def make_task(neurons: int, duration: float, dt: float, seed: int = 0) -> Task:
    """Draw the inputs."""
    random = np.random.default_rng(seed)
    n_steps = round(duration / dt)
    # at most one spike of a train in a step: what a generator of spikes on a clock can send
    return Task(
        dt, duration, [np.flatnonzero(random.random(n_steps - 1) < RATE * dt) + 1 for _ in range(neurons)]
    )


def ours(task: Task, placement: str, reset_at: str, backend: str) -> Trains:
    """From the trains to the spike times, with the sums on the grid."""
    run = simulate(
        NEURON, task.trains, WEIGHT, task.duration, task.dt, "impulse_invariance", None, placement, reset_at,
        record="spikes", backend=backend,
    )  # fmt: skip
    times, counts = run["spike_times"].values[0], run["spike_count"].values[0]
    return [row[:count] for row, count in zip(times, counts, strict=True)]


class Brian2:
    """The network, built once and stored; every run starts from the stored state. Building and compiling are not timed.

    Brian2 advances the state from t to t + dt, then labels a spike t and applies the inputs of time t: so inputs are
    handed over one step earlier and spikes read one step later than their names there.
    """

    def __init__(self, task: Task, target: str) -> None:
        import brian2 as b2

        b2.prefs.codegen.target = target
        b2.defaultclock.dt = task.dt * b2.second
        self.task, self.b2 = task, b2
        n = len(task.steps)
        namespace = {
            "tau_mem": NEURON.tau_mem * b2.second,
            "tau_syn": NEURON.tau_syn * b2.second,
            "kick": WEIGHT / NEURON.tau_syn,
            "theta": NEURON.v_threshold,
        }
        neurons = b2.NeuronGroup(
            n, "du/dt = (s - u)/tau_mem : 1\nds/dt = -s/tau_syn : 1", threshold="u >= theta", reset="u -= theta",
            method="exact", namespace=namespace,
        )  # fmt: skip
        indices = np.repeat(np.arange(n), [steps.size for steps in task.steps])
        times = (np.concatenate(task.steps) - 1) * task.dt * b2.second
        source = b2.SpikeGeneratorGroup(n, indices, times)
        synapses = b2.Synapses(source, neurons, on_pre="s_post += kick", namespace=namespace)
        synapses.connect(j="i")
        self.monitor = b2.SpikeMonitor(neurons)
        self.network = b2.Network(neurons, source, synapses, self.monitor)
        self.network.store()
        self.network.run(10 * task.dt * b2.second)  # compiles
        self.network.restore()

    def __call__(self) -> Trains:
        """One run of the whole duration."""
        self.network.restore()
        self.network.run(self.task.duration * self.b2.second)
        trains = self.monitor.spike_trains()
        steps = [
            np.rint(np.asarray(trains[k] / self.b2.second) / self.task.dt) + 1 for k in range(len(trains))
        ]
        return [each * self.task.dt for each in steps]


def errors(found: Trains, exact: Trains, task: Task) -> dict[str, Any]:
    """Root mean square shift, and spikes that one train has and the other not (pairs at most 5 ms apart)."""
    compared = [compare_trains(a, b, 0.005) for a, b in zip(exact, found, strict=True)]
    shifts = np.concatenate([each.shifts for each in compared])
    return {
        "spikes": int(sum(each.size for each in found)),
        "rms_shift": float(np.sqrt(np.mean(shifts**2))) if shifts.size else None,
        "mean_shift": float(shifts.mean()) if shifts.size else None,
        "missed": int(sum(each.missed.size for each in compared)),
        "extra": int(sum(each.extra.size for each in compared)),
    }


def contenders(task: Task) -> dict[str, Callable[[], Trains] | str]:
    """Name to a function that runs it, or to the reason why it does not."""
    found: dict[str, Callable[[], Trains] | str] = {}
    if find_spec("numba") is not None:
        found["snntheory, grid"] = lambda: ours(task, "grid", "grid", "numba")
        found["snntheory, cubic + restart"] = lambda: ours(task, "cubic", "spike", "numba")
    else:
        found["snntheory, compiled"] = "not installed: pip install numba"
    found["snntheory, readable, grid"] = lambda: ours(task, "grid", "grid", "reference")
    for target in ("numpy", "cython"):
        name = f"Brian2 runtime, {target}"
        if find_spec("brian2") is None:
            found[name] = "not installed: pip install brian2"
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[name] = Brian2(task, target)
        except Exception as error:  # whatever Brian2's compiler chain raises: its row says so
            found[name] = f"installed, but did not run: {type(error).__name__}: {error}"
    return found


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--neurons", type=int, default=1000)
    parser.add_argument("--duration", type=float, default=1.0, help="seconds (default 1)")
    parser.add_argument("--dt", type=float, default=1e-4, help="time step in seconds (default 1e-4)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write settings and all times to PATH")
    arguments = parser.parse_args(argv)
    for name, least in (("neurons", 1), ("repetitions", 1), ("dt", 1e-6), ("duration", 0.01)):
        if getattr(arguments, name) < least:
            parser.error(f"--{name} must be at least {least:g}, got {getattr(arguments, name):g}")
    if arguments.json and not arguments.json.resolve().parent.is_dir():
        parser.error(f"--json: the folder {arguments.json.resolve().parent} does not exist; create it first")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Measure, print, write; 1 if two contenders of the same convention disagree on more than rounding explains."""
    arguments = parse(argv)
    task = make_task(arguments.neurons, arguments.duration, arguments.dt)
    exact = [exact_spike_times(NEURON, train, WEIGHT, task.duration) for train in task.trains]
    entries = contenders(task)
    runnable = {name: run for name, run in entries.items() if callable(run)}
    results: dict[str, dict[str, Any]] = {
        name: {"note": run} for name, run in entries.items() if not callable(run)
    }
    trains = {}
    for name, run in runnable.items():  # the warm-up: compilers run, and the spikes are kept
        trains[name] = run()
        results[name] = errors(trains[name], exact, task) | {"seconds": [], "processor_seconds": []}
    for _ in range(arguments.repetitions):  # interleaved, so that all meet the same disturbances
        for name, run in runnable.items():
            gc.collect()
            start, start_processor = time.perf_counter(), time.process_time()
            run()
            results[name]["seconds"].append(time.perf_counter() - start)
            results[name]["processor_seconds"].append(time.process_time() - start_processor)
    grid = trains.get("snntheory, grid", trains["snntheory, readable, grid"])
    for name in runnable:
        same = sum(
            np.isin(np.rint(a / task.dt), np.rint(b / task.dt)).sum()
            for a, b in zip(trains[name], grid, strict=True)
        )
        results[name]["same_as_grid"] = int(same)
    facts = {
        **vars(arguments),
        "json": None,
        "exact_spikes": int(sum(each.size for each in exact)),
        "input_spikes": int(sum(each.size for each in task.steps)),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": {package: _version(package) for package in ("snntheory", "numpy", "numba", "brian2")},
    }
    if arguments.json:
        with replacing(arguments.json) as path:
            path.write_text(
                json.dumps({"settings": facts, "rows": results}, indent=1) + "\n", encoding="utf-8"
            )
    _print({name: results[name] for name in entries}, facts)
    off = [
        name
        for name in runnable
        if "restart" not in name and results[name]["same_as_grid"] < 0.99 * results[name]["spikes"]
    ]
    if off:
        print(f"Not comparable: {', '.join(off)} do not fire in the same steps as ours on the grid.")
    return 1 if off else 0


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _print(results: dict[str, dict[str, Any]], facts: dict[str, Any]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table(
        title=f"{facts['neurons']} neurons, {facts['duration']:g} s, dt = {1e3 * facts['dt']:g} ms, "
        f"{facts['input_spikes']} input spikes, {facts['exact_spikes']} exact output spikes"
    )
    table.add_column("contender", no_wrap=True)
    for name in ("median ms", "min - max ms", "CPU ms", "ratio", "spikes", "rms error µs", "missed + extra"):
        table.add_column(name, justify="right", no_wrap=True)
    timed = {name: row for name, row in results.items() if "seconds" in row}
    first = statistics.median(next(iter(timed.values()))["processor_seconds"])
    for name, row in results.items():
        if name not in timed:
            table.add_row(name, "-", *[""] * 6)
            continue
        low, high = (1e3 * extreme(row["seconds"]) for extreme in (min, max))
        processor = statistics.median(row["processor_seconds"])
        table.add_row(
            name,
            f"{1e3 * statistics.median(row['seconds']):.0f}",
            f"{low:.0f} - {high:.0f}",
            f"{1e3 * processor:.0f}",
            f"{processor / first:.1f}",
            str(row["spikes"]),
            "-" if row["rms_shift"] is None else f"{1e6 * row['rms_shift']:.3g}",
            f"{row['missed']} + {row['extra']}",
        )
    console.print(table)
    for name, row in results.items():
        if name not in timed:
            console.print(f"{name}: {row['note']}", soft_wrap=True)
    console.print(
        "ratio: of median processor times, to the first row. Error: against the exact event-driven times."
    )
    if facts["load_average"] is not None and facts["load_average"] > 0.3:
        console.print(
            f"Something else was running (load average {facts['load_average']:.1f}): read the CPU times."
        )


if __name__ == "__main__":
    raise SystemExit(main())
