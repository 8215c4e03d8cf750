"""Discretising many neurons, and long frequency responses, beside SciPy: best of several alternating runs.

    python benchmarks/discretise.py

prints seconds and the ratio SciPy / ours. SciPy has no call for many systems, so it is timed on a share of the pairs
and scaled. The last rows give the frequency response beside SciPy's and beside ``sin`` and ``cos`` of the same angles
alone, which no frequency response can do without.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import signal

from snntheory import CubaLIF, discretize
from snntheory.linear import discretize_many

PAIRS, SHARE, POINTS, REPEATS = 10_000, 500, 1_000_000, 5


def best(tasks: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Shortest time of each task in seconds, the tasks taken in turn."""
    seconds = dict.fromkeys(tasks, float("inf"))
    for _ in range(REPEATS):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def scipy_one_by_one(tau_mem: np.ndarray, tau_syn: np.ndarray, dt: np.ndarray, method: str) -> None:
    for m, s, step in zip(tau_mem, tau_syn, dt, strict=True):
        a, b = np.array([[-1 / m, 1 / m], [0.0, -1 / s]]), np.array([[0.0], [1 / s]])
        signal.cont2discrete((a, b, np.eye(1, 2), np.zeros((1, 1))), step, method=method)


def main() -> None:
    rng = np.random.default_rng(0)
    tau_mem, tau_syn = 10.0 ** rng.uniform(-3, -1, (2, PAIRS))
    dt = 10.0 ** rng.uniform(-6, -3, PAIRS)
    part = slice(0, SHARE)
    table = Table("task", "scheme", "ours (s)", "SciPy (s)", "SciPy / ours")
    for scheme, method in (("zoh", "zoh"), ("bilinear", "bilinear"), ("scaled_impulse", "impulse")):
        seconds = best(
            {
                "ours": lambda scheme=scheme: (
                    discretize_many(tau_mem, tau_syn, dt, scheme).effective_time_constants
                ),
                "scipy": lambda method=method: scipy_one_by_one(
                    tau_mem[part], tau_syn[part], dt[part], method
                ),
            }
        )
        peer = seconds["scipy"] * PAIRS / SHARE
        table.add_row(
            f"{PAIRS} pairs", scheme, f"{seconds['ours']:.4f}", f"{peer:.2f}", f"{peer / seconds['ours']:.0f}"
        )

    model = discretize(CubaLIF(0.020, 0.008), 1e-3, "zoh")
    system = model.to_scipy()
    omega = np.linspace(0.0, np.pi / 1e-3, POINTS)
    angle = omega * 1e-3
    seconds = best(
        {
            "ours": lambda: model.frequency_response(omega),
            "scipy": lambda: signal.dfreqresp(system, angle),
            "sine": lambda: (np.sin(angle), np.cos(angle)),
        }
    )
    for label in ("scipy", "sine"):
        row = [f"{seconds['ours']:.4f}", f"{seconds[label]:.4f}", f"{seconds[label] / seconds['ours']:.2f}"]
        name = f"{POINTS:,} frequencies" if label == "scipy" else "their sin and cos alone"
        table.add_row(name, "zoh", *row)
    Console().print(table)


if __name__ == "__main__":
    main()
