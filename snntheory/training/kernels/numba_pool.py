"""Average pooling on a CPU: one pass each way, several times as fast as torch's."""

from __future__ import annotations

from typing import Any

import numba
import torch
from torch.autograd.function import once_differentiable

_compile_parallel: Any = numba.njit(cache=True, fastmath={"contract"}, nogil=True, parallel=True)


@_compile_parallel
def _forward(maps, size, scale, out):
    for m in numba.prange(out.shape[0]):
        for i in range(out.shape[1]):
            total = out[m, i]
            total[:] = 0
            for k in range(size):
                row = maps[m, i * size + k]
                for n in range(size):
                    for j in range(total.size):
                        total[j] += row[j * size + n]
            total *= scale


@_compile_parallel
def _backward(given, size, scale, out):
    # ``out`` comes filled with zeros, for the rows and columns that are left over
    for m in numba.prange(given.shape[0]):
        for i in range(given.shape[1]):
            first = out[m, i * size]
            for j in range(given.shape[2]):
                value = given[m, i, j] * scale
                for n in range(size):
                    first[j * size + n] = value
            for k in range(1, size):
                out[m, i * size + k, : size * given.shape[2]] = first[: size * given.shape[2]]


class _AveragePool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: torch.Tensor, size: int) -> torch.Tensor:
        ctx.given = maps.shape, size
        flat = maps.detach().contiguous().flatten(0, 1).numpy()
        out = maps.new_empty((*maps.shape[:2], maps.shape[2] // size, maps.shape[3] // size))
        _forward(flat, size, flat.dtype.type(size**-2), out.flatten(0, 1).numpy())
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Any) -> tuple[torch.Tensor, None]:
        shape, size = ctx.given
        flat, result = given.contiguous().flatten(0, 1).numpy(), given.new_zeros(shape)
        _backward(flat, size, flat.dtype.type(size**-2), result.flatten(0, 1).numpy())
        return result, None


def average_pool(maps: torch.Tensor, size: int) -> torch.Tensor:
    """See :func:`snntheory.training.kernels.average_pool`."""
    out: torch.Tensor = _AveragePool.apply(maps, size)
    return out
