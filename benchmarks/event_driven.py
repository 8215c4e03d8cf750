"""Exact spike times of a layer, event by event, beside its readable form and a simulation with a time step.

    python benchmarks/event_driven.py [--threads 2] [--repetitions 15]

One forward pass: 50 samples, 784 inputs of which 150 fire once within 0.1 s, 800 neurons, a window of 0.2 s. In one
run, alternating, with the time of every contender, its ratio to the first row, and how far its spikes lie from the
exact ones. The slow contenders compute fewer samples; their time is given for the whole batch.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numba
import numpy as np
from rich.console import Console
from rich.table import Table

from snntheory import CubaLIF
from snntheory.spiking import SpikeBatch, exact_batch, simulate_inputs

N_IN, N_ACTIVE, ONSET, T_MAX, DT = 784, 150, 0.1, 0.2, 1e-4
NEURONS = {
    "tau_mem = 2 tau_syn": CubaLIF(0.020, 0.010),
    "tau_mem = tau_syn": CubaLIF(0.015, 0.015),
    "tau_mem = 1.54 tau_syn": CubaLIF(0.020, 0.013),
}


def task(batch: int, n_out: int, seed: int = 0) -> tuple[SpikeBatch, np.ndarray]:
    """Inputs and weights; the weights make a neuron fire some three times."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, ONSET, (batch, N_ACTIVE)), axis=1)
    senders = np.stack([rng.choice(N_IN, N_ACTIVE, replace=False) for _ in range(batch)])
    starts = np.arange(batch + 1) * N_ACTIVE
    return SpikeBatch(times.ravel(), senders.ravel(), starts, N_IN), rng.uniform(-0.002, 0.004, (N_IN, n_out))


def first_samples(inputs: SpikeBatch, n: int) -> SpikeBatch:
    last = inputs.starts[n]
    return SpikeBatch(inputs.times[:last], inputs.neurons[:last], inputs.starts[: n + 1], inputs.n_neurons)


def clocked(neuron: CubaLIF, inputs: SpikeBatch, weights: np.ndarray) -> np.ndarray:
    """Padded spike times of the exact propagator on a grid: inputs rounded up, spikes and resets on the grid."""
    drive = np.zeros((len(inputs), round(T_MAX / DT), weights.shape[1]))
    sample = np.repeat(np.arange(len(inputs)), np.diff(inputs.starts))
    step = np.ceil(inputs.times / DT).astype(int) - 1
    np.add.at(drive, (sample, np.maximum(step, 0)), weights[inputs.neurons])
    found = simulate_inputs(neuron, drive.transpose(0, 2, 1), DT, "impulse_invariance", record="spikes")
    return found["spike_times"].values


def displacement(found: np.ndarray, exact: np.ndarray) -> tuple[float, float]:
    """Share of neurons with another number of spikes; mean distance (s) of the spikes of the others."""
    counts, wanted = (np.isfinite(each).sum(axis=2) for each in (found, exact))
    same = counts == wanted
    most = min(found.shape[2], exact.shape[2])
    distance = np.abs(found[..., :most] - exact[..., :most])[same]
    return float(1 - same.mean()), float(np.nanmean(distance)) if np.isfinite(distance).any() else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--neurons", type=int, default=800)
    arguments = parser.parse_args()
    if min(vars(arguments).values()) < 1:
        parser.error("every number must be at least 1")
    numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
    inputs, weights = task(arguments.batch, arguments.neurons)
    few, several = first_samples(inputs, 1), first_samples(inputs, min(5, arguments.batch))
    narrow = weights[:, : max(1, arguments.neurons // 20)]

    table = Table(
        "contender", "wall ms", "CPU ms", "ratio", "spikes / neuron", "other count", "mean shift (µs)"
    )
    for label, neuron in NEURONS.items():
        exact = exact_batch(neuron, several, [weights], T_MAX)[0]
        whole = arguments.batch * arguments.neurons

        def events(neuron: CubaLIF = neuron) -> np.ndarray:
            return exact_batch(neuron, inputs, [weights], T_MAX)[0].counts()

        def readable(neuron: CubaLIF = neuron) -> np.ndarray:
            return exact_batch(neuron, few, [narrow], T_MAX, backend="reference")[0].padded()

        def grid(neuron: CubaLIF = neuron) -> np.ndarray:
            return clocked(neuron, several, weights)

        contenders: dict[str, tuple[Callable[[], np.ndarray], int, int]] = {
            f"events, {label}": (events, whole, arguments.repetitions),
            "  readable form": (readable, narrow.shape[1], 2),
            f"  clocked, dt = {DT * 1e3:g} ms": (grid, len(several) * arguments.neurons, 3),
        }
        results = {}
        for name, (run, size, _) in contenders.items():
            run()  # compiled, or read from the cache
            results[name] = [np.inf, np.inf, size]
        for turn in range(arguments.repetitions):
            for name, (run, size, turns) in contenders.items():
                if turn < turns:
                    wall, cpu = time.perf_counter(), time.process_time()
                    run()
                    spent = (time.perf_counter() - wall, time.process_time() - cpu)
                    for k in (0, 1):
                        results[name][k] = min(results[name][k], spent[k] * whole / size)
        first = next(iter(results.values()))
        accuracy = {
            f"events, {label}": ("0", "0"),
            "  readable form": errors(readable(), exact.padded()[:1, : narrow.shape[1]]),
            f"  clocked, dt = {DT * 1e3:g} ms": errors(grid(), exact.padded()),
        }
        for name, (wall, cpu, _) in results.items():
            spikes = f"{exact.counts().mean():.2f}" if name.startswith("events") else ""
            row = (f"{1e3 * wall:.1f}", f"{1e3 * cpu:.1f}", f"{wall / first[0]:.1f}", spikes)
            table.add_row(name, *row, *accuracy[name])
    Console(width=130).print(table)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{arguments.batch} samples x {arguments.neurons} neurons, {numba.get_num_threads()} thread(s); "
        f"best of several alternating runs; load average {load:.1f}"
    )


def errors(found: np.ndarray, exact: np.ndarray) -> tuple[str, str]:
    share, shift = displacement(found, exact)
    return f"{100 * share:.1f} %", f"{1e6 * shift:.2g}"


if __name__ == "__main__":
    main()
