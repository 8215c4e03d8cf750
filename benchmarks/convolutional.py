"""One training step of convolutional and recurrent layers beside plain loops of torch over the time steps.

    python benchmarks/convolutional.py [--batch 25]

Forward and backward, in processor time (other work on the machine matters less), the best of alternating runs. The
plain loop is what one writes first: a torch module a layer, one step after the other, differentiated by autograd. Both
have the same weights and give the same spikes; that is checked first.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional

from snntheory import CubaLIF
from snntheory.experiments.convolutional import MNIST, Settings, network
from snntheory.training import Dense, Network
from snntheory.training.connections import Stage
from snntheory.training.kernels.reference import Spike

REPEATS = 5


def plain_loop(net: Network, weights: Sequence[torch.Tensor], given: torch.Tensor) -> torch.Tensor:
    """Spikes of the last layer, step by step."""
    steps, units = net._steps, net._units
    states = [[torch.zeros(()) for _ in range(3)] for _ in net.stages]  # after reset, current, spikes
    found = []
    for now in given:
        arrays = iter(zip(weights, units, strict=True))
        for stage, step, state in zip(net.stages, steps, states, strict=True):
            array, unit = next(arrays)
            drive = connection(stage, now, array * unit)
            if stage.recurrent:
                array, unit = next(arrays)
                drive = drive + (state[2] @ (array * unit) if state[2].ndim else 0)
            (a, b, c), (k_u, k_i) = step.propagator, step.kick
            voltage = a * state[0] + b * state[1] + k_u * drive
            current = c * state[1] + k_i * drive
            now = Spike.apply(voltage - step.threshold, step.surrogate, step.width)
            after = voltage - step.threshold * now if step.reset == "subtract" else voltage * (1 - now)
            state[:] = after, current, now
        found.append(now)
    return torch.stack(found)


def connection(stage: Stage, now: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Summed weights of one step, shape (batch, neurons)."""
    if isinstance(stage.connection, Dense) and not stage.pools:
        return now @ weights
    maps = now.view(-1, *stage.before)
    for pool in stage.pools:
        maps = functional.avg_pool2d(maps, pool.kernel_size)
    if isinstance(stage.connection, Dense):
        return maps.flatten(1) @ weights
    return functional.conv2d(maps, weights).flatten(1)


def last_layer(net: Network, given: torch.Tensor) -> torch.Tensor:
    """Spikes of the last layer."""
    return net(given)[-1]


def seconds(run: Callable[[], torch.Tensor]) -> float:
    start = time.process_time()
    run().sum().backward()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=25)
    batch = parser.parse_args().batch
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    pixels = torch.rand((1, batch, 784), generator=random) * (
        torch.rand((1, batch, 784), generator=random) < 0.2
    )
    neuron = CubaLIF(0.020, 0.010, v_threshold=0.5)
    recurrent = Network(
        (700,), neuron, 1e-3, layers=[Dense(300, recurrent=True), Dense(20)], surrogate="sigmoid"
    )
    events = (torch.rand((100, batch, 700), generator=random) < 0.02).float()
    cases = {
        "15C5-P2-40C5-P2-300-10, 30 steps": (
            network(Settings(), MNIST, "kept", 0),
            pixels.expand(30, -1, -1),
        ),
        "700-300 (recurrent)-20, 100 steps": (recurrent, events),
    }
    table = Table("network", "plain loop (ms)", "snntheory (ms)", "ratio", "spikes a step, hidden")
    for name, (net, given) in cases.items():
        weights = list(net.parameters())
        runs: dict[str, Callable[[], torch.Tensor]] = {
            "plain": partial(plain_loop, net, weights, given),
            "ours": partial(last_layer, net, given),
        }
        with torch.no_grad():
            differing = (runs["plain"]() != runs["ours"]()).float().mean().item()
            share = net(given)[0].mean().item()
        if differing > 1e-3:  # float32 sums in another order may move a spike that grazes the threshold
            raise SystemExit(f"{name}: {differing:.2%} of the output spikes differ")
        times = dict.fromkeys(runs, float("inf"))
        for _ in range(REPEATS):
            for each, run in runs.items():
                times[each] = min(times[each], seconds(run))
        plain, ours = times["plain"], times["ours"]
        table.add_row(name, f"{1e3 * plain:.0f}", f"{1e3 * ours:.0f}", f"{plain / ours:.1f}", f"{share:.1%}")
    Console().print(table)


if __name__ == "__main__":
    main()
