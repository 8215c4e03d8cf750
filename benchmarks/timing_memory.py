"""Memory of the gradient through spike times against the number of steps: one reverse scan, and all pairs stored.

    python benchmarks/timing_memory.py

prints peak memory at 50 and at 500 steps and their ratio: 10 is linear in the steps, 100 quadratic. The first two rows
are one sample in float64 (allocations of the gradient alone), the next ones a training step's forward and backward
pass of a batch in float32 with the network of Hu (2024), 784-400-10, batch 50 (growth of the process, Linux). What the
published form would need there is calculated, not measured: it does not fit.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from snntheory import CubaLIF, discretize
from snntheory.gradients import _grid, _timing_naive, timing

STEPS, DT = (50, 500), 1e-3
SMALL, LARGE, BATCH = (30, 20, 10), (784, 400, 10), 50
NEURON = CubaLIF(0.020, 0.010)


def peak(run: Callable[[], object]) -> tuple[float, float]:
    """Peak of the memory that ``run`` allocates, in MiB, and its seconds."""
    run()
    tracemalloc.start()
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 2**20, seconds


def one_sample(n_steps: int) -> dict[str, tuple[float, float]]:
    """Both forms on the same forward pass; their gradients are compared."""
    rng = np.random.default_rng(0)
    end = n_steps * DT
    inputs = [np.sort(rng.uniform(0, end, int(100 * end) + 1)) for _ in range(SMALL[0])]
    weights = [0.01 * rng.normal(0.5, 1.0, shape) for shape in zip(SMALL, SMALL[1:], strict=False)]
    layers = _grid.run(
        [NEURON] * 2, inputs, weights, end, dt=DT, scheme="backward_euler", order=None, rounding="ceil"
    )
    error = rng.normal(size=layers[-1].spikes.shape)
    found: dict[str, list[np.ndarray]] = {}

    def scan() -> None:
        given = error
        gradients: list[np.ndarray] = []
        for layer in reversed(layers):
            each = timing.Crossings.of(layer, 8.0)
            by_drive, _ = _grid.reverse_scan(layer.model, _grid.kept(layer), each.slope, given, each.own)
            gradients.insert(0, layer.senders.T @ by_drive)
            given = by_drive @ layer.weights.T
        found["scan"] = gradients

    def naive() -> None:
        found["pairs"] = _timing_naive.weight_gradients(layers, error, "tssl_bp", 8.0)

    result = {"reverse scan, 30-20-10": peak(scan), "all pairs, 30-20-10": peak(naive)}
    for a, b in zip(found["scan"], found["pairs"], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10 * np.abs(b).max())
    return result


def training_step(n_steps: int, gradient: str) -> tuple[float, float]:
    """Growth of the process in MiB and seconds of a forward and backward pass; runs in a process of its own."""
    import torch

    from snntheory.training.kernels import LayerStep, product, scan
    from snntheory.training.kernels.timing import TimingRule, timing_scan

    torch.set_num_threads(1)
    model = discretize(NEURON, DT, "backward_euler")
    step, rule = LayerStep.of(model), TimingRule.of(model, 8.0)
    random = torch.Generator().manual_seed(0)
    weights = [
        (0.3 / a**0.5 * torch.randn((a, b), generator=random)).requires_grad_()
        for a, b in zip(LARGE, LARGE[1:], strict=False)
    ]
    spikes = (torch.rand((n_steps, BATCH, LARGE[0]), generator=random) < 0.03).float()

    def run(given: torch.Tensor) -> None:
        for leaf in weights:
            drive = product(given, leaf)
            given = (timing_scan(drive, step, rule) if gradient == "timing" else scan(drive, step))[0]
        given.sum().backward()

    run(spikes[:2])  # compiles, and loads what there is to load
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    run(spikes)
    seconds = time.perf_counter() - start
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10, seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=2, metavar=("STEPS", "GRADIENT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(training_step(int(given.one[0]), given.one[1])))
        return
    rows: dict[str, list[tuple[float, float]]] = {}
    for n_steps in STEPS:
        for name, numbers in one_sample(n_steps).items():
            rows.setdefault(name, []).append(numbers)
        for gradient in ("timing", "surrogate"):
            command = [sys.executable, __file__, "--one", str(n_steps), gradient]
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            rows.setdefault(f"{gradient}, 784-400-10, batch 50", []).append(tuple(json.loads(text)))
    table = Table("", *(f"T = {n}: MiB" for n in STEPS), "ratio", *(f"T = {n}: s" for n in STEPS))
    for name, (short, long) in rows.items():
        sizes = (f"{short[0]:.1f}", f"{long[0]:.1f}", f"{long[0] / short[0]:.1f}")
        table.add_row(name, *sizes, f"{short[1]:.3f}", f"{long[1]:.3f}")
    pairs = [BATCH * n**2 * LARGE[1] * LARGE[2] * 4 / 2**20 for n in STEPS]
    sizes = (f"{pairs[0]:.0f}", f"{pairs[1]:.0f}", f"{pairs[1] / pairs[0]:.1f}")
    table.add_row("all pairs, 400-10 of it, batch 50 (calculated)", *sizes, "", "")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
