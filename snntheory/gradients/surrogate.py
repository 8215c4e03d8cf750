r"""Surrogate gradients: pseudo-derivatives of the spike ``H(u - v_threshold)`` with respect to ``u``.

Every shape but ``straight_through`` is a density: its area is one and ``width`` is its scale in the unit
of ``u``, so that shapes of one width pass on comparable gradients.

================  =============================================  =====================
name              ``f(x)``, ``x = u - v_threshold``, ``T`` width  used by
================  =============================================  =====================
sigmoid           ``e^{-|x|/T} / (T (1 + e^{-|x|/T})^2)``         Yang (2022), T = 0.3
fast_sigmoid      ``1 / (2 T (1 + |x|/T)^2)``                     Zenke & Ganguli (2018)
arctan            ``1 / (pi T (1 + (x/T)^2))``                    Fang et al. (2021)
triangle          ``max(0, 1 - |x|/T) / T``                       Bellec et al. (2018)
boxcar            ``1 / (2 T)`` for ``|x| < T``, else 0           Kaiser et al. (2020)
straight_through  ``1``                                           Bengio et al. (2013)
================  =============================================  =====================
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import _check

if TYPE_CHECKING:
    import torch

SURROGATES = ("sigmoid", "fast_sigmoid", "arctan", "triangle", "boxcar", "straight_through")


def pseudo_derivative(x: torch.Tensor, shape: str, width: float) -> torch.Tensor:
    """Pseudo-derivative of the spike at distance ``x`` from the threshold.

    Parameters
    ----------
    x : torch.Tensor
        ``u - v_threshold``, any shape, in the unit of ``u``.
    shape : str
        One of :data:`SURROGATES`.
    width : float
        Scale ``T`` of the shape, above zero, in the unit of ``u``.

    Returns
    -------
    torch.Tensor
        The shape of ``x``, in spikes per unit of ``u``.

    Raises
    ------
    ValueError
        Unknown shape or a width that is not positive.
    """
    _check.choice("shape", shape, SURROGATES)
    width = _check.positive("width", width)
    if shape == "straight_through":
        return x.new_ones(x.shape)
    scaled = x.abs() / width
    if shape == "sigmoid":
        decay = (-scaled).exp()
        return decay / (width * (1 + decay) ** 2)
    if shape == "fast_sigmoid":
        return 1 / (2 * width * (1 + scaled) ** 2)
    if shape == "arctan":
        return 1 / (math.pi * width * (1 + scaled**2))
    if shape == "triangle":
        return (1 - scaled).clamp(min=0) / width
    return (scaled < 1).to(x.dtype) / (2 * width)
