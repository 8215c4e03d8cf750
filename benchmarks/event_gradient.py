"""Forward and backward of one batch through exact spikes, beside closed forms in plain torch and a surrogate on a grid.

    python benchmarks/event_gradient.py [--threads 2] [--repetitions 11] [--memory]

784-800-10 neurons, 50 digits of the shipped subset as latencies within 0.1 s, a window of 0.2 s, and the constants of
Bacho and Chu (2023) and Cojocaru (2024): tau_syn = 0.13 s, tau_mem = 0.26 s, thresholds 0.2 and 1.3, weights drawn from
(-1, 1). Every contender runs both layers forwards and sends a fixed derivative back from every output spike; no loss,
no optimiser. The closed-form rows are checked against each other: the exit status is 1 if their gradients differ.

Memory: bytes that are kept from the forward to the backward pass, and with ``--memory`` the peak of the resident
memory above its level before (Unix), a process for each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numba
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from snntheory import CubaLIF, discretize
from snntheory.gradients.layers import spike_time_layer
from snntheory.training import Latency, kernels
from snntheory.training.datasets import mnist_subset

TAU_SYN, TAU_MEM, ONSET, T_MAX, ROOM = 0.13, 0.26, 0.1, 0.2, 30
# r = tau_mem and w tau_syn: the units of Bacho and Chu
NEURONS = tuple(CubaLIF(TAU_MEM, TAU_SYN, r=TAU_MEM, v_threshold=each) for each in (0.2, 1.3))
Layers = list[torch.Tensor]


def make_task(batch: int, hidden: int) -> tuple[torch.Tensor, Layers]:
    """Brightness of the digits, shape (batch, 784), and one weight matrix a layer."""
    images = torch.from_numpy(mnist_subset("train")[0][:batch]).reshape(batch, -1) / 255
    generator = torch.Generator().manual_seed(0)
    sizes = (784, hidden, 10)
    pairs = zip(sizes, sizes[1:], strict=False)
    weights = [TAU_SYN * (2 * torch.rand(pair, generator=generator) - 1) for pair in pairs]
    return images, [each.requires_grad_() for each in weights]


def latencies(images: torch.Tensor) -> torch.Tensor:
    return torch.where(images > 0, ONSET * (1 - images), torch.inf)[..., None]


def events(images: torch.Tensor, weights: Layers, backend: str, t_max: float = T_MAX) -> Layers:
    """Ours: exact spikes, adjoint."""
    layers = [latencies(images)]
    for matrix, neuron in zip(weights, NEURONS, strict=True):
        layers.append(
            spike_time_layer(
                layers[-1], matrix, neuron, t_max, max_spikes=ROOM, backend=backend, overflow="drop"
            )
        )
    return layers[1:]


def gathered_layer(times: torch.Tensor, weights: torch.Tensor, neuron: CubaLIF) -> torch.Tensor:
    """Closed-form spike times in plain torch: the weights of the sorted spikes, (batch, spikes, n_out), are gathered.

    The search for the next spike is not recorded; only the crossing that is found is differentiated, by autograd.
    """
    flat = times.flatten(1)
    spikes = max(int(flat.isfinite().sum(1).max()), 1)
    sorted_times, order = flat.sort(dim=1, stable=True)
    real = sorted_times[:, :spikes].isfinite()
    t = torch.where(real, sorted_times[:, :spikes], 0.0)
    sender = order[:, :spikes] // times.shape[2]
    gathered = weights[sender] * (real * neuron.r / neuron.tau_syn)[..., None]
    a = (gathered * (t / neuron.tau_syn).exp()[..., None]).cumsum(1)
    b = (gathered * (t / neuron.tau_mem).exp()[..., None]).cumsum(1)
    following = torch.where(real, sorted_times[:, :spikes], torch.inf)
    following = torch.cat([following[:, 1:], following.new_full((len(t), 1), torch.inf)], 1).clamp(max=T_MAX)
    first, final = (t / neuron.tau_mem).exp()[..., None], (following / neuron.tau_mem).exp()[..., None]
    theta, own, last, found = neuron.v_threshold, torch.zeros_like(a[:, 0]), torch.zeros_like(a[:, 0]), []
    for _ in range(ROOM):
        with torch.no_grad():
            b_now = b - own[:, None]
            # NaN where nothing is crossed, and no comparison holds
            root = (b_now * b_now - 4 * theta * a).sqrt()
            crossing = 2 * a / (b_now + root)  # exp(time / tau_mem)
            begin = torch.maximum(first, (last / neuron.tau_mem).exp()[:, None])
            fits = (crossing > begin) & (crossing <= final) & real[..., None]
            fires, place = fits.any(1), fits.to(torch.uint8).argmax(1, keepdim=True)
        if not fires.any():
            break
        a_here = torch.where(fires, a.gather(1, place)[:, 0], 1.0)
        b_here = torch.where(fires, b.gather(1, place)[:, 0] - own, 4.0)
        root = (b_here * b_here - 4 * theta * a_here).sqrt()
        spike = neuron.tau_mem * (2 * a_here / (b_here + root)).log()
        own = own + torch.where(fires, theta * (spike / neuron.tau_mem).exp(), 0.0)
        last = torch.where(fires, spike.detach(), last)
        found.append(torch.where(fires, spike, torch.inf))
    if not found:
        found = [torch.inf + 0 * a.sum(1)]
    return torch.stack(found, 2)


def gathered(images: torch.Tensor, weights: Layers) -> Layers:
    hidden = gathered_layer(latencies(images), weights[0], NEURONS[0])
    return [hidden, gathered_layer(hidden, weights[1], NEURONS[1])]


def grid(
    images: torch.Tensor, weights: Layers, backend: str, dt: float = 1e-3, t_max: float = T_MAX
) -> Layers:
    """Surrogate gradient through time on a grid."""
    spikes = Latency(window=t_max, last=ONSET)(images, dt, torch.Generator())
    layers = []
    for matrix, neuron in zip(weights, NEURONS, strict=True):
        step = kernels.LayerStep.of(discretize(neuron, dt, "impulse_invariance"))
        spikes = kernels.scan(kernels.product(spikes, matrix, backend), step, backend)[0]
        layers.append(spikes)
    return layers


CONTENDERS: dict[str, Callable[[torch.Tensor, Layers], Layers]] = {
    "events, adjoint (numba)": partial(events, backend="numba"),
    "events, closed form, gathered (torch)": gathered,
    "grid 1 ms, surrogate (numba)": partial(grid, backend="numba"),
    "grid 1 ms, surrogate (torch)": partial(grid, backend="reference"),
}


def n_spikes(layers: Layers) -> list[float]:
    """Spikes a sample of each layer: times that are finite, or the ones of a grid."""
    on_grid = layers[0].ndim == 3 and not layers[0].isinf().any()
    batch = layers[0].shape[1 if on_grid else 0]
    return [float((each.detach() if on_grid else each.isfinite()).sum()) / batch for each in layers]


def send_back(layers: Layers, weights: Layers) -> Layers:
    """Gradients for the derivative cos(1 + spike number) from every output spike, in order of time."""
    out = layers[-1]
    factor = torch.cos(1 + torch.arange(out.shape[-1], dtype=out.dtype)).expand_as(out)
    return list(torch.autograd.grad(out, weights, torch.where(out.isfinite(), factor, 0.0)))


def kept_bytes(forward: Callable[[], Layers]) -> int:
    """Bytes held between the passes: by torch (each storage once) and by numpy; the result is not counted."""
    storages: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    tracemalloc.start()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        layers = forward()
    by_numpy = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    for each in layers:
        storages.pop(each.untyped_storage().data_ptr(), None)
    return sum(storages.values()) + by_numpy


def peak_bytes(name: str, arguments: argparse.Namespace) -> int:
    """Growth of the peak of the resident memory by one pass forwards and backwards, in a process that is warm."""
    import resource

    run = CONTENDERS[name]
    for batch, hidden in ((2, 16), (arguments.batch, arguments.hidden)):
        images, weights = make_task(batch, hidden)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        send_back(run(images, weights), weights)
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def memory_table(arguments: argparse.Namespace) -> Table:
    """What is kept, against the window and the time step."""
    table = Table(title="kept between the passes, MB")
    for column in ("window s", "step ms", "spikes", "events", "bytes a spike", "grid", "grid / events"):
        table.add_column(column, justify="right")
    images, weights = make_task(arguments.batch, arguments.hidden)
    n_inputs = float((images > 0).sum())
    for t_max, dt in ((0.2, 1e-3), (0.2, 5e-4), (0.2, 2.5e-4), (0.4, 1e-3), (0.8, 1e-3)):
        found: list[Layers] = []

        def forward(t_max: float = t_max, found: list[Layers] = found) -> Layers:
            found.append(events(images, weights, "numba", t_max))
            return found[-1]

        ours = kept_bytes(forward)
        total = n_inputs + len(images) * (2 * n_spikes(found[-1])[0] + n_spikes(found[-1])[1])
        theirs = kept_bytes(lambda dt=dt, t_max=t_max: grid(images, weights, "numba", dt, t_max))
        row = (f"{t_max:g}", f"{1e3 * dt:g}", f"{total:.0f}", f"{ours / 1e6:.2f}", f"{ours / total:.0f}")
        table.add_row(*row, f"{theirs / 1e6:.0f}", f"{theirs / ours:.0f}")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--repetitions", type=int, default=11)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--hidden", type=int, default=800)
    parser.add_argument(
        "--memory", action="store_true", help="also the peak memory, a process for each (Unix)"
    )
    parser.add_argument("--memory-of", choices=CONTENDERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in ("threads", "repetitions", "batch", "hidden"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(arguments, name)}")
    numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
    torch.set_num_threads(arguments.threads)
    if arguments.memory_of:
        print(json.dumps(peak_bytes(arguments.memory_of, arguments)))
        return 0
    images, weights = make_task(arguments.batch, arguments.hidden)
    results: dict[str, dict] = {name: {"seconds": []} for name in CONTENDERS}
    for turn in range(arguments.repetitions + 1):  # the first compiles and warms up
        for name, run in CONTENDERS.items():
            if turn > 2 and name.endswith("(torch)"):
                continue  # two runs of the slow ones
            wall, cpu = time.perf_counter(), time.process_time()
            layers = run(images, weights)
            halfway = time.perf_counter()
            gradients = send_back(layers, weights)
            spent = (time.perf_counter() - wall, halfway - wall, time.process_time() - cpu)
            if turn:
                results[name]["seconds"].append(spent)
            results[name].update(gradients=gradients, spikes=n_spikes(layers))
            del layers, gradients
    table = Table(title="one batch, forwards and backwards")
    columns = ("wall ms", "forward ms", "CPU ms", "ratio", "hidden", "output spikes", "kept MB", "peak MB")
    table.add_column("contender")
    for column in columns:
        table.add_column(column, justify="right")
    first = None
    for name, result in results.items():
        best = np.min(result["seconds"], axis=0)
        first = best[0] if first is None else first
        kept = kept_bytes(partial(CONTENDERS[name], images, weights))
        row = [f"{1e3 * each:.1f}" for each in best] + [f"{best[0] / first:.1f}"]
        row += [f"{each:.1f}" for each in result["spikes"]] + [f"{kept / 1e6:.1f}"]
        table.add_row(name, *row, f"{_peak(name, arguments) / 1e6:.0f}" if arguments.memory else "-")
    console = Console(width=130)
    console.print(table)
    console.print(memory_table(arguments))
    ours, theirs = (list(results.values())[k]["gradients"] for k in (0, 1))
    apart = [float((a - b).norm() / a.norm()) for a, b in zip(ours, theirs, strict=True)]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{arguments.batch} samples, 784-{arguments.hidden}-10, {arguments.threads} thread(s), best of "
        f"{arguments.repetitions} alternating runs, load average {load:.1f}; gradients of the two event-driven rows "
        f"differ by {', '.join(f'{each:.1g}' for each in apart)} (norm of the difference / norm)"
    )
    return 0 if max(apart) < 1e-3 else 1  # float32 in the peer: 1e-6 times the conditioning of a spike time


def _peak(name: str, arguments: argparse.Namespace) -> int:
    same = [f"--{key}={getattr(arguments, key)}" for key in ("threads", "batch", "hidden")]
    command = [sys.executable, __file__, *same, f"--memory-of={name}"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    sys.exit(main())
