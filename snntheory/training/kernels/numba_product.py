"""Product of sparse spikes and weights on a CPU: only the rows of weights are added that a spike selects.

At a time step of a millisecond a few inputs in a hundred fire; the dense product spends its time on zeros. The
order of the additions does not depend on the number of threads, so neither does the result.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

_compile_parallel: Any = numba.njit(cache=True, fastmath={"contract"}, nogil=True, parallel=True)

DENSEST = 0.1
"""Share of spikes that are not zero above which the dense product is faster (see benchmarks/spike_product.py)."""


@_compile_parallel
def _count(spikes, counts):
    for row in numba.prange(spikes.shape[0]):
        total = 0
        for column in range(spikes.shape[1]):
            total += spikes[row, column] != 0
        counts[row] = total


@_compile_parallel
def _compress(spikes, starts, columns, values):
    for row in numba.prange(spikes.shape[0]):
        position = starts[row]
        for column in range(spikes.shape[1]):
            if spikes[row, column] != 0:
                columns[position] = column
                values[position] = spikes[row, column]
                position += 1


@_compile_parallel
def _forward(starts, columns, values, weights, out):
    for row in numba.prange(out.shape[0]):
        total = out[row]
        total[:] = 0
        for position in range(starts[row], starts[row + 1]):
            value, chosen = values[position], weights[columns[position]]
            for k in range(total.size):
                total[k] += value * chosen[k]


@_compile_parallel
def _backward(starts, columns, values, grad_out, grad_weights, n_blocks):
    # every thread goes through all spikes for columns of its own: few wide blocks are faster than many narrow ones
    n_out = grad_weights.shape[1]
    for block in numba.prange(n_blocks):
        first, last = block * n_out // n_blocks, (block + 1) * n_out // n_blocks
        grad_weights[:, first:last] = 0
        for row in range(grad_out.shape[0]):
            given = grad_out[row, first:last]
            for position in range(starts[row], starts[row + 1]):
                value, total = values[position], grad_weights[columns[position], first:last]
                for k in range(given.size):
                    total[k] += value * given[k]


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, compressed: Any, weights: torch.Tensor) -> torch.Tensor:
        out = torch.empty((len(compressed[0]) - 1, weights.shape[1]), dtype=weights.dtype)
        ctx.compressed, ctx.n_in = compressed, weights.shape[0]
        _forward(*compressed, weights.detach().contiguous().numpy(), out.numpy())
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Any) -> tuple[None, torch.Tensor]:
        grad_weights = torch.empty((ctx.n_in, grad_out.shape[1]), dtype=grad_out.dtype)
        _backward(
            *ctx.compressed, grad_out.contiguous().numpy(), grad_weights.numpy(), numba.get_num_threads()
        )
        return None, grad_weights


def product(spikes: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """See :func:`snntheory.training.kernels.product`; ``spikes`` carry no gradient."""
    rows = spikes.contiguous().numpy()
    starts = np.zeros(len(rows) + 1, np.int64)
    _count(rows, starts[1:])
    np.cumsum(starts, out=starts)
    if starts[-1] > DENSEST * rows.size:
        return functional.linear(spikes, weights.t().contiguous())
    columns, values = np.empty(starts[-1], np.int32), np.empty(starts[-1], rows.dtype)
    _compress(rows, starts, columns, values)
    out: torch.Tensor = _Product.apply((starts, columns, values), weights)
    return out
