"""Grid neuron without synapse: the stationary density by a transfer operator, in place of a simulation.

Definition, with white noise and one step ``v -> decay v + mean + spread xi`` (``xi`` normal), density ``p`` below
threshold and mass ``m`` at the reset, both after the step's reset::

    q(v) = integral p(v') N(v; decay v' + mean, spread) dv' + m N(v; decay v_reset + mean, spread)
    p = q below the threshold,    m = integral of q above it,    rate = m / dt

A reset by subtraction puts ``q(v + v_threshold)`` back into ``p`` instead of collecting it in ``m``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from .. import _check

Floats = NDArray[np.float64]
FORMS = ("exact", "forward_euler", "backward_euler")
_ORDER = 12
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(_ORDER)


@dataclass(frozen=True)
class GridDensity:
    """Stationary density of the voltage on a time grid; made by :func:`transfer_operator`.

    Attributes
    ----------
    rate : float
        Hertz.
    v : ndarray, shape (n,)
        Quadrature nodes, ascending, below the threshold.
    density : ndarray, shape (n,)
        After the reset, without the mass that sits exactly on it.
    weights : ndarray, shape (n,)
        Of the quadrature.
    at_reset : float
        Probability of sitting on the reset value; 0 for a reset by subtraction.
    """

    rate: float
    v: Floats
    density: Floats
    weights: Floats
    at_reset: float


def step_of(form: str, mu: float, sigma: float, tau_mem: float, dt: float) -> tuple[float, float, float]:
    """``decay``, ``mean`` and ``spread`` of one step of the white-noise neuron in the given form.

    Definition, ``x = dt/tau_mem``::

        exact           e^-x,        (1 - e^-x) mu,  sigma sqrt((1 - e^-2x)/2)
        forward_euler   1 - x,       x mu,           sigma sqrt(x)
        backward_euler  1/(1 + x),   x mu/(1 + x),   sigma sqrt(x)/(1 + x)
    """
    x = dt / tau_mem
    if _check.choice("form", form, FORMS) == "exact":
        return np.exp(-x), -np.expm1(-x) * mu, sigma * np.sqrt(-np.expm1(-2 * x) / 2)
    if form == "forward_euler":
        return 1 - x, x * mu, sigma * np.sqrt(x)
    return 1 / (1 + x), x * mu / (1 + x), sigma * np.sqrt(x) / (1 + x)


def transfer_operator(
    mu: float,
    sigma: float,
    v_reset: float,
    v_threshold: float,
    tau_mem: float,
    dt: float,
    *,
    form: str = "exact",
    reset: str = "to_value",
    refractory_steps: int = 0,
) -> GridDensity:
    """Rate and density of a white-noise neuron that a computer advances in steps.

    Parameters
    ----------
    mu, sigma, v_reset, v_threshold, tau_mem
        As in :func:`snntheory.population.siegert`, scalars.
    dt : float
        Time step in seconds.
    form : {"exact", "forward_euler", "backward_euler"}
    reset : {"to_value", "subtract"}
        ``"subtract"`` takes ``v_threshold - v_reset`` away and so keeps what the step went too far.
    refractory_steps : int
        Steps at the reset after a spike.

    Returns
    -------
    GridDensity

    Raises
    ------
    ValueError
        An argument is out of its range, or the step is so short that more than 8000 nodes are needed.

    Assumptions: white noise; with ``"subtract"`` an overshoot of a whole span between reset and threshold is counted
    as one spike.

    Accuracy: the quadrature converges geometrically, tested to 1e-9; tests/population/test_transfer_operator.py.

    References
    ----------
    Nystrom's method: Atkinson (1997). The rate against ``dt``: Broadie, Glasserman and Kou (1997).
    """
    numbers = [
        _check.number(name, value)
        for name, value in (("mu", mu), ("v_reset", v_reset), ("v_threshold", v_threshold))
    ]
    mu, low, high = numbers
    sigma, dt = _check.positive("sigma", sigma), _check.positive("dt", dt, "s")
    tau_mem = _check.positive("tau_mem", tau_mem, "s")
    held = _check.integer("refractory_steps", refractory_steps, minimum=0)
    _check.choice("reset", reset, ("to_value", "subtract"))
    if low >= high:
        raise ValueError(f"v_reset must lie below v_threshold, got {low:g} and {high:g}")
    decay, mean, spread = step_of(form, mu, sigma, tau_mem, dt)
    if not abs(decay) < 1:
        raise ValueError(f"dt must be below {2 * tau_mem:g} s with form={form!r}, got {dt:g} s")
    wide = spread / np.sqrt(1 - decay**2)
    v, weights = _quadrature(min(mu, low) - 8.5 * wide, low, high, spread)

    def kernel(to: Floats, start: Floats) -> Floats:
        return np.exp(-(((to - decay * start - mean) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))

    def over(start: Floats) -> Floats:
        """Probability of a spike in the next step."""
        return erfc((high - decay * start - mean) / (spread * np.sqrt(2))) / 2

    matrix = kernel(v[:, None], v[None, :])
    if reset == "to_value":
        source = kernel(v, np.full(1, low))
        shape = np.linalg.solve(np.eye(v.size) - matrix * weights, source)  # density for m = 1
        total = weights @ shape + 1 + held
        rate = 1 / (total * dt)
        return GridDensity(float(rate), v, shape / total, weights, float((1 + held) / total))
    back = np.where(v[:, None] >= low, kernel(v[:, None] + high - low, v[None, :]), 0.0)
    if held:
        raise ValueError("refractory_steps must be 0 with reset='subtract'")
    system = np.vstack([np.eye(v.size) - (matrix + back) * weights, weights[None, :]])
    density = np.linalg.lstsq(system, np.append(np.zeros(v.size), 1.0))[0]
    return GridDensity(float((weights * density) @ over(v) / dt), v, density, weights, 0.0)


def _quadrature(bottom: float, low: float, high: float, spread: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre panels about three spreads wide, with an edge at the reset."""
    parts = [max(1, int(np.ceil((b - a) / (3 * spread)))) for a, b in ((bottom, low), (low, high))]
    if sum(parts) * _ORDER > 8000:
        raise ValueError(
            f"dt is too short: {sum(parts) * _ORDER} nodes would be needed, at most 8000 are taken; "
            "use grid_rate, whose error falls with dt"
        )
    edges = np.concatenate([np.linspace(bottom, low, parts[0] + 1), np.linspace(low, high, parts[1] + 1)[1:]])
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + _NODES)).ravel(), (half * _WEIGHTS).ravel()
