"""Where the time of our own training step goes: matrix products, scans, loss, Adam.

    python benchmarks/breakdown.py

Takes the same arguments as training_step.py. Every part is timed alone, on the tensors that it meets in the
step; parts are interleaved, medians are printed. The parts need not add up to the whole step exactly: alone,
a part finds a warmer cache.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from peers.ours import CONTENDERS
from rich.console import Console
from rich.table import Table
from task import Task, make_task, optimiser, training_step
from torch.nn import functional
from training_step import parse, use_threads

from snntheory.linear import discretize
from snntheory.training.kernels import LayerStep, product, scan
from snntheory.training.network import weight_unit


def parts(task: Task) -> dict[str, Callable[[], object]]:
    """Every part of the step as a function to call."""
    model = CONTENDERS[0].build(task) if CONTENDERS[0].build else CONTENDERS[1].build(task)
    adam = optimiser(model)
    step = LayerStep.of(discretize(task.neuron, task.dt, "impulse_invariance"))
    unit = weight_unit(task.neuron)
    found: dict[str, Callable[[], object]] = {"whole step": lambda: training_step(model, adam, task)}
    spikes = task.spikes
    for index, weights in enumerate(task.weights, start=1):
        # after the first layer the spikes need a gradient as well, and the product is another one
        spikes = spikes.detach().requires_grad_(index > 1)
        own = torch.from_numpy(weights).float().mul_(unit).requires_grad_()
        drive = product(spikes, own)
        leaf = drive.detach().requires_grad_()
        out, _, _ = scan(leaf, step)
        draw = torch.Generator().manual_seed(index)
        gradient = torch.randn(out.shape, generator=draw)
        wanted = (spikes, own) if index > 1 else (own,)
        name = f"layer {index}"
        found[f"{name}: matrix product, forward"] = lambda x=spikes, w=own: product(x, w)
        found[f"{name}: scan, forward"] = lambda x=leaf: scan(x, step)
        found[f"{name}: scan, backward"] = lambda y=out, x=leaf, g=gradient: torch.autograd.grad(
            y, x, g, retain_graph=True
        )
        found[f"{name}: matrix products, backward"] = lambda y=drive, x=wanted, g=gradient: (
            torch.autograd.grad(y, x, g, retain_graph=True)
        )
        spikes = out

    def loss() -> None:
        counts = spikes.detach().requires_grad_()
        functional.cross_entropy(counts.sum(0), task.labels).backward()

    found["loss, forward and backward"] = loss
    found["Adam"] = adam.step
    return found


def main(argv: list[str] | None = None) -> int:
    """Time and print."""
    arguments = parse(argv)
    use_threads(arguments.threads)
    task = make_task(arguments.steps, arguments.batch, arguments.hidden, arguments.max_rate)
    work = parts(task)
    seconds: dict[str, list[float]] = {name: [] for name in work}
    processor: dict[str, list[float]] = {name: [] for name in work}
    for repetition in range(arguments.warmup + arguments.repetitions):
        for name, part in work.items():
            start, start_processor = time.perf_counter(), time.process_time()
            part()
            elapsed, used = time.perf_counter() - start, time.process_time() - start_processor
            if repetition >= arguments.warmup:
                seconds[name].append(elapsed)
                processor[name].append(used)
    table = Table(title=f"our training step, {arguments.threads} thread(s)")
    table.add_column("part", no_wrap=True)
    table.add_column("median ms", justify="right")
    table.add_column("CPU ms", justify="right")
    for name, times in seconds.items():
        table.add_row(
            name, f"{1e3 * statistics.median(times):.2f}", f"{1e3 * statistics.median(processor[name]):.2f}"
        )
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
