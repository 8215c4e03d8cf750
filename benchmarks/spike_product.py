"""The product of sparse spikes and weights beside the dense one, forward and backward, against the density of spikes.

    python benchmarks/spike_product.py

prints the ratio dense / sparse of the best of several alternating runs; above 1 the sparse product is faster. It is
what the constant DENSEST of snntheory/training/kernels/numba_product.py is read from.
"""

from __future__ import annotations

import time

import torch
from rich.console import Console
from rich.table import Table

from snntheory.training.kernels import numba_product, product

N_STEPS, BATCH, N_IN, N_OUT, REPEATS = 50, 128, 784, 400, 9


def seconds(spikes: torch.Tensor, weights: torch.Tensor, given: torch.Tensor, backend: str) -> float:
    """Of one product and its backward pass."""
    start = time.perf_counter()
    product(spikes, weights, backend).backward(given)
    return time.perf_counter() - start


def main() -> None:
    numba_product.DENSEST = 1.0  # measure the sparse product beyond its limit too
    table = Table("density", "dense (ms)", "sparse (ms)", "dense / sparse")
    random = torch.Generator().manual_seed(0)
    weights = torch.randn((N_IN, N_OUT), generator=random, requires_grad=True)
    given = torch.randn((N_STEPS, BATCH, N_OUT), generator=random)
    for density in (0.005, 0.01, 0.025, 0.05, 0.1, 0.2):
        spikes = (torch.rand((N_STEPS, BATCH, N_IN), generator=random) < density).float()
        times = {"reference": float("inf"), "numba": float("inf")}
        for _ in range(REPEATS):
            for backend in times:
                times[backend] = min(times[backend], seconds(spikes, weights, given, backend))
        dense, sparse = times["reference"], times["numba"]
        table.add_row(f"{density:.1%}", f"{1e3 * dense:.1f}", f"{1e3 * sparse:.1f}", f"{dense / sparse:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
