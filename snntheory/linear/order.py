"""The order of a scheme, measured: with so many digits that rounding hides none."""

from __future__ import annotations

import mpmath
import sympy

from .. import _check
from ..neuron import CubaLIF
from . import schemes
from .schemes.impulse_invariance import PROPAGATOR
from .symbolic import delta_t, resistance, tau_mem, tau_syn

_Triple = tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf]  # the entries uu, ui and ii of an upper triangular matrix
_Pair = tuple[mpmath.mpf, mpmath.mpf]


def observed_order(
    neuron: CubaLIF,
    scheme: str,
    order: int | None = None,
    ratio: float = 1 / 64,
    v0: float = 0.3,
    i0: float = 0.4,
    weight: float = 0.02,
) -> float:
    """Measured order of the error of ``u``: the slope between two steps, computed with many digits.

    Definition::

        log2( max_k |e(t_k; dt)| / max_k |e(t_k; dt/2)| ),    dt = ratio min(tau_mem, tau_syn)

    from an initial state and one spike on both grids; the ``t_k`` lie after the spike on both grids. The declared
    propagator is evaluated with mpmath and raised to its powers by squaring, so that neither rounding hides an order
    (order 12 leaves relative errors of 1e-32) nor the number of steps matters.

    Parameters
    ----------
    neuron : CubaLIF
    scheme : str
    order : int, optional
        Order of ``"parker_sochacki"``.
    ratio : float
        Larger step over the shorter time constant; the slope is off by about as much.
    v0, i0, weight : float
        Initial state and weight of the spike.

    Returns
    -------
    float
        ``inf`` for an exact scheme.
    """
    ratio = _check.positive("ratio", ratio)
    declared = schemes.get(scheme, order)
    parts = [*declared.propagator[0, :], declared.propagator[1, 1], *declared.input, *declared.input_previous]
    arguments = (delta_t, tau_mem, tau_syn, resistance)
    numbers = sympy.lambdify(arguments, parts, modules="mpmath")
    exact = sympy.lambdify(arguments, [*PROPAGATOR[0, :], PROPAGATOR[1, 1]], modules="mpmath")
    with mpmath.workdps(150 + 6 * (order or 0)):
        mem, syn, r = (mpmath.mpf(value) for value in (neuron.tau_mem, neuron.tau_syn, neuron.r))
        if mem == syn:  # the declared expressions divide by the gap: take the limit up to 50 digits
            syn *= 1 + mpmath.mpf(10) ** -50
        step = mpmath.mpf(ratio) * min(mem, syn)
        quarter = max(1, round(max(mem, syn) / step / 2))
        start = (mpmath.mpf(v0), mpmath.mpf(i0))
        errors = []
        for halvings in (1, 2):
            dt, n = step / halvings, quarter * halvings
            uu, ui, ii, b_u, b_i, p_u, p_i = numbers(dt, mem, syn, r)
            states = _trajectory((uu, ui, ii), (b_u, b_i), (p_u, p_i), start, weight, n)
            truth = _trajectory(exact(dt, mem, syn, r), (0, 1 / syn), (0, 0), start, weight, n)
            errors.append(max(abs(a[0] - b[0]) for a, b in zip(states, truth, strict=True)))
            size = max(abs(b[0]) for b in truth)
        if errors[1] < size * mpmath.mpf(10) ** (-90 - 5 * (order or 0)):  # rounding, gap of 1e-50 included
            return float("inf")
        return float(mpmath.log(errors[0] / errors[1], 2))


def _product(a: _Triple, b: _Triple) -> _Triple:
    return a[0] * b[0], a[0] * b[1] + a[1] * b[2], a[2] * b[2]


def _power(a: _Triple, n: int) -> _Triple:
    result: _Triple = (mpmath.mpf(1), mpmath.mpf(0), mpmath.mpf(1))
    while n:
        if n & 1:
            result = _product(result, a)
        a, n = _product(a, a), n >> 1
    return result


def _apply(a: _Triple, state: _Pair) -> _Pair:
    return a[0] * state[0] + a[1] * state[1], a[2] * state[1]


def _trajectory(
    a: _Triple, kick: _Pair, later: _Pair, start: _Pair, weight: float, quarter: int
) -> list[_Pair]:
    """States one to four times ``quarter`` steps after a spike that comes ``quarter`` steps after the start."""
    u, i = _apply(_power(a, quarter), start)
    u, i = _apply(a, (u + weight * kick[0], i + weight * kick[1]))
    u, i = u + weight * later[0], i + weight * later[1]
    state, states, stride = (u, i), [], _power(a, quarter)
    state = _apply(_power(a, quarter - 1), state)
    for _ in range(4):
        states.append(state)
        state = _apply(stride, state)
    return states
