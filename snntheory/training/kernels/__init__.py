"""One layer over all time steps: one operation, a readable backend and a fast one.

Definition, for every neuron of every sample and ``n = 1 .. n_steps``::

    v_n = A_uu p_{n-1} + A_ui i_{n-1} + b_u S_n + b'_u S_{n-1}       voltage after the step's input, before reset
    i_n = A_ii i_{n-1} + b_i S_n + b'_i S_{n-1}
    s_n = 1 where v_n >= v_threshold, else 0
    p_n = v_n - v_threshold s_n  |  v_reset where s_n = 1, else v_n  |  v_n      reset: subtract | to_value | none

The reset acts in the step of the crossing. The backward pass replaces ``ds_n/dv_n`` by a pseudo-derivative;
``detach_reset`` cuts the path from ``s_n`` into ``p_n``.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ... import _check
from .step import LayerStep

if TYPE_CHECKING:
    import torch

BACKENDS = ("auto", "reference", "numba", "triton")

__all__ = ["BACKENDS", "LayerStep", "average_pool", "product", "scan"]


def scan(
    drive: torch.Tensor, step: LayerStep, backend: str = "auto", with_current: bool = False
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Run one layer over all its time steps; differentiable.

    Parameters
    ----------
    drive : torch.Tensor, shape (n_steps, batch, n_neurons), float32 or float64
        Summed weights ``S_n`` of the input spikes of each step.
    step : LayerStep
    backend : {"auto", "reference", "numba", "triton"}
        ``"auto"`` is numba on a CPU and Triton on a GPU where they are installed, otherwise the reference.
    with_current : bool
        Also return the current (not differentiable).

    Returns
    -------
    spikes, voltage : torch.Tensor, shape of ``drive``
        Spikes 0 or 1 in the dtype of ``drive``; voltage after the step's input, before reset.
    current : torch.Tensor or None
        Current after the step's input.

    Raises
    ------
    TypeError
        ``drive`` is not a tensor of float32 or float64.
    ValueError
        ``drive`` is not three-dimensional or is empty, the backend is unknown or does not run on this device.

    Accuracy
    --------
    tests/training/test_kernels.py compares the backends, forward and backward, on random input in float64.
    """
    _check.choice("backend", backend, BACKENDS)
    if str(getattr(drive, "dtype", None)) not in ("torch.float32", "torch.float64"):
        kind = getattr(drive, "dtype", type(drive).__name__)
        raise TypeError(f"drive must be a torch.Tensor of float32 or float64, got {kind}")
    if drive.ndim != 3 or 0 in drive.shape:
        raise ValueError(
            f"drive must have shape (n_steps, batch, n_neurons), each at least 1, got {tuple(drive.shape)}"
        )
    on_cpu = drive.device.type == "cpu"
    if backend == "numba" and not on_cpu:
        raise ValueError(f"backend 'numba' runs on the CPU, drive is on {drive.device}; use backend='auto'")
    if backend == "auto":
        backend = "reference"
        if on_cpu and numba_is_installed():
            backend = "numba"
        elif drive.device.type == "cuda" and find_spec("triton") is not None:
            backend = "triton"
    if backend == "numba":
        from .numba_cpu import scan as run
    elif backend == "triton":
        from .triton_scan import scan as run
    else:
        from .reference import scan as run
    return run(drive, step, with_current)


def product(spikes: torch.Tensor, weights: torch.Tensor, backend: str = "auto") -> torch.Tensor:
    """Summed weights ``S_n`` of the spikes of all steps at once: the matrix product; differentiable.

    Parameters
    ----------
    spikes : torch.Tensor, shape (n_steps, batch, n_in)
        Spikes or counts.
    weights : torch.Tensor, shape (n_in, n_out), of the same dtype
    backend : {"auto", "reference", "numba", "triton"}
        As for :func:`scan`; Triton's is torch's dense product. The numba backend skips the zeros where few spikes
        are not zero and no gradient with respect to the spikes is asked for, as in the first layer.

    Returns
    -------
    torch.Tensor, shape (n_steps, batch, n_out)

    Accuracy
    --------
    Equal to the dense product up to the order of the additions (tests/training/test_product.py).
    """
    from torch.nn import functional

    _check.choice("backend", backend, BACKENDS)
    n_steps, batch, n_in = spikes.shape
    rows = spikes.reshape(n_steps * batch, n_in)
    sparse = backend in ("auto", "numba") and spikes.device.type == "cpu" and not spikes.requires_grad
    if sparse and numba_is_installed():
        from .numba_product import product as run

        return run(rows, weights).view(n_steps, batch, -1)
    # the transposed copy is small, and the product and its gradients are several times faster than of rows @ weights
    return functional.linear(rows, weights.t().contiguous()).view(n_steps, batch, -1)


def average_pool(maps: torch.Tensor, size: int, backend: str = "auto") -> torch.Tensor:
    """Mean of squares of ``size`` times ``size`` that do not overlap; differentiable.

    Parameters
    ----------
    maps : torch.Tensor, shape (n, channels, height, width)
    size : int
        At most the height and the width; what is left over at the border is dropped.
    backend : {"auto", "reference", "numba", "triton"}
        As for :func:`scan`; all but numba's are torch's own.

    Returns
    -------
    torch.Tensor, shape (n, channels, height // size, width // size)

    Accuracy: equal to torch's, tests/training/test_connections.py.
    """
    from torch.nn import functional

    _check.choice("backend", backend, BACKENDS)
    if backend in ("auto", "numba") and maps.device.type == "cpu" and numba_is_installed():
        from .numba_pool import average_pool as run

        return run(maps, size)
    return functional.avg_pool2d(maps, size)


def numba_is_installed() -> bool:
    """Whether the fast CPU backend can be imported."""
    return find_spec("numba") is not None
