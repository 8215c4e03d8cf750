"""The clocked trainer on latency-coded digits beside the same trainer with a dense matrix product.

    python benchmarks/latency_input.py [--threads 1] [--batch 128] [--hidden 400] [--repetitions 9]

A pixel fires once in the window, so the density of the input falls with the time step. For every density, interleaved:

- the training step (forward, cross-entropy of the spike counts, backward, Adam) of 784-400-10 neurons, in which the
  first layer's product skips zeros;
- the same step with that product dense;
- the first layer's dense product alone, forward and backward with respect to the weights: what a step cannot do
  without if it does not skip zeros.

Printed are medians and, in processor time, which does not count other programs, both ratios to the first. The two steps
must have the same loss; the exit status is 1 if they do not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional

from snntheory import CubaLIF
from snntheory.training import Latency, Network
from snntheory.training.datasets import mnist_subset
from snntheory.training.kernels import numba_product
from snntheory.training.trainer import as_inputs

WINDOW = 0.1
CASES = ((0.005, False), (0.002, False), (0.001, False), (0.005, True), (0.001, True), (0.0005, True))
"""Time step in seconds, and whether black pixels are silent."""
NAMES = ("step, sparse", "step, dense", "product, dense")
SPARSE = numba_product.DENSEST


def work(
    spikes: torch.Tensor, labels: torch.Tensor, dt: float, hidden: int
) -> dict[str, Callable[[], float]]:
    """What is timed, by name; a step returns its loss, which falls with every call of it."""
    neuron = CubaLIF(tau_mem=0.020, tau_syn=0.010)

    def step_of(densest: float) -> Callable[[], float]:
        network = Network((784, hidden, 10), neuron, dt, seed=0)
        adam = torch.optim.Adam(network.parameters(), lr=1e-3)

        def step() -> float:
            numba_product.DENSEST = densest
            loss = functional.cross_entropy(network(spikes)[-1].sum(0), labels)
            adam.zero_grad()
            loss.backward()
            adam.step()
            return loss.item()

        return step

    rows = spikes.flatten(0, 1)
    draw = torch.Generator().manual_seed(0)
    weights = torch.randn((784, hidden), generator=draw, requires_grad=True)
    given = torch.randn((len(rows), hidden), generator=draw)

    def dense() -> float:
        torch.autograd.grad(functional.linear(rows, weights.t().contiguous()), weights, given)
        return 0.0

    return dict(zip(NAMES, (step_of(SPARSE), step_of(0.0), dense), strict=True))


def measure(
    timed: dict[str, Callable[[], float]], repetitions: int, warmup: int = 2
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, list[float]]]:
    """Wall seconds, processor seconds and losses of every call, by name; A B C A B C ..."""
    wall, processor, losses = ({name: [] for name in timed} for _ in range(3))
    for repetition in range(warmup + repetitions):
        for name, call in timed.items():
            start, start_processor = time.perf_counter(), time.process_time()
            losses[name].append(call())
            if repetition >= warmup:
                wall[name].append(time.perf_counter() - start)
                processor[name].append(time.process_time() - start_processor)
    return wall, processor, losses


def main(argv: list[str] | None = None) -> int:
    """Measure and print; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("threads", 1), ("batch", 128), ("hidden", 400), ("repetitions", 9)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args(argv)
    import numba

    torch.set_num_threads(arguments.threads)
    numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
    images, labels = (part[: arguments.batch] for part in mnist_subset("train"))
    pixels, answers = as_inputs(images), torch.from_numpy(labels)
    table = Table(
        "dt (ms)", "spikes of input", *(f"{name} (CPU ms)" for name in NAMES), "dense step", "dense product"
    )
    same = True
    for dt, silent in CASES:
        encoder = Latency(window=WINDOW, last=WINDOW, zero_is_silent=silent)
        spikes = encoder(pixels, dt, torch.Generator())
        timed = work(spikes, answers, dt, arguments.hidden)
        _, processor, losses = measure(timed, arguments.repetitions)
        first, *others = (statistics.median(processor[name]) for name in NAMES)
        # float32 sums in another order, in the first steps of a training
        same &= abs(losses[NAMES[0]][0] - losses[NAMES[1]][0]) < 1e-3
        table.add_row(
            f"{1e3 * dt:g}",
            f"{spikes.mean().item():.2%}",
            *(f"{1e3 * value:.1f}" for value in (first, *others)),
            *(f"{value / first:.2f}" for value in others),
        )
    Console(width=140).print(table)
    print(
        f"{arguments.threads} thread(s); the last two columns are over the sparse step, above 1 it is faster"
    )
    if not same:
        print(
            "the sparse and the dense step have different losses: their times mean nothing beside each other"
        )
    return int(not same)


if __name__ == "__main__":
    raise SystemExit(main())
