"""What error a scheme leaves below threshold: of one step, of many, its bounds, and what rounding adds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import NamedTuple

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm

from .. import _check
from ..neuron import CubaLIF
from . import schemes
from .continuous import response
from .discrete import discretize
from .norms import numerical_system_matrix
from .order import observed_order
from .schemes.impulse_invariance import PROPAGATOR
from .symbolic import delta_t, identity, input_vector, resistance, system_matrix, tau_mem, tau_syn

__all__ = [
    "LeadingTerm",
    "error_bound",
    "global_error",
    "kick_error",
    "local_truncation_error",
    "observed_order",
    "principal_error",
    "rounding_drift",
]

Floats = NDArray[np.float64]
_PARAMETERS = (tau_mem, tau_syn, resistance)


class LeadingTerm(NamedTuple):
    """``coefficient * dt**power``: the first term of an error in powers of the step; ``oo`` and zero without error."""

    power: int | sympy.Expr
    coefficient: sympy.ImmutableMatrix


@lru_cache(maxsize=256)
def local_truncation_error(scheme: str, order: int | None = None) -> LeadingTerm:
    """Leading term of the error of one step from an exact state, as a matrix that acts on that state.

    Definition::

        A - exp(M dt) = C dt**(p + 1) + O(dt**(p + 2))

    Parameters
    ----------
    scheme : str
        One of ``snntheory.linear.schemes.names()``.
    order : int, optional
        Order of ``"parker_sochacki"``, for which ``C = -M**(p + 1) / (p + 1)!``.

    Returns
    -------
    LeadingTerm
        The power ``p + 1`` and ``C``, a matrix of shape (2, 2) in ``tau_mem, tau_syn, R``.
    """
    propagator = schemes.get(scheme, order).propagator
    if _is_zero(propagator - PROPAGATOR):
        return LeadingTerm(sympy.oo, sympy.ImmutableMatrix.zeros(2, 2))
    return _first_term(propagator, identity)


@lru_cache(maxsize=256)
def kick_error(scheme: str, order: int | None = None) -> LeadingTerm:
    """Leading term of the error that one spike of unit weight leaves in the state one step later.

    Definition::

        A b + b_previous - exp(M dt) (0, 1/tau_syn) = K dt**q + O(dt**(q + 1))

    It occurs once per spike, where the error of :func:`local_truncation_error` occurs in every step. An order ``p``
    needs ``q >= p``; only where ``q = p`` does the kick take part in the leading error.

    Returns
    -------
    LeadingTerm
        The power ``q`` and ``K``, of shape (2, 1).
    """
    declared = schemes.get(scheme, order)
    kick = declared.propagator * declared.input + declared.input_previous
    if _is_zero(kick - PROPAGATOR * input_vector):
        return LeadingTerm(sympy.oo, sympy.ImmutableMatrix.zeros(2, 1))
    return _first_term(kick, input_vector)


def principal_error(
    neuron: CubaLIF,
    t: ArrayLike,
    scheme: str,
    v0: float = 0.0,
    i0: float = 0.0,
    weight: float = 0.0,
    order: int | None = None,
) -> Floats:
    """What the global error tends to: the state's error at time ``t`` over ``dt**p``, as ``dt`` goes to 0.

    Definition::

        c(t) = integral_0^t exp(M (t - s)) C exp(M s) ds (x_0 + w B) + w exp(M t) K

    with ``C`` of :func:`local_truncation_error` (present where its power is ``p + 1``), ``K`` of :func:`kick_error`
    (present where its power is ``p``), ``B = (0, 1/tau_syn)`` and the order ``p`` that the scheme declares.

    Parameters
    ----------
    neuron : CubaLIF
    t : array_like
        Times in seconds after the initial state, not negative, any shape.
    scheme : str
    v0, i0 : float
        State at time 0.
    weight : float
        Weight of a spike at time 0, in addition to the state.
    order : int, optional

    Returns
    -------
    ndarray, shape (..., 2)
        Errors of ``u`` and ``i`` over ``dt**p``; zero for an exact scheme. At ``t = 0`` itself a spike that the scheme
        smears is not yet in.

    Accuracy
    --------
    tests/linear/test_error.py compares with the measured error over ``dt**p`` for every scheme.
    """
    t = _check.array("t", t, minimum=0.0)
    start = np.array([_check.number("v0", v0), _check.number("i0", i0)])
    weight = _check.number("weight", weight)
    after = start + np.array([0.0, weight / neuron.tau_syn])
    declared = schemes.get(scheme, order).order
    local, kick = local_truncation_error(scheme, order), kick_error(scheme, order)
    c = _numbers(local.coefficient, neuron) if local.power == declared + 1 else np.zeros((2, 2))
    k = _numbers(kick.coefficient, neuron)[:, 0] if kick.power == declared else np.zeros(2)
    block = np.zeros((4, 4))  # the upper right block of its exponential is the integral (Van Loan 1978)
    block[:2, :2] = block[2:, 2:] = numerical_system_matrix(neuron)
    block[:2, 2:] = c
    flow = expm(t[..., None, None] * block)
    return np.asarray(flow[..., :2, 2:] @ after + weight * flow[..., :2, :2] @ k)


def global_error(
    neuron: CubaLIF,
    dt: float,
    scheme: str,
    inputs: ArrayLike,
    v0: float = 0.0,
    i0: float = 0.0,
    order: int | None = None,
) -> Floats:
    """Measured error of the state after every step, against the closed solution at the same times.

    Parameters
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds.
    scheme : str
    inputs : array_like, shape (n_steps,)
        Summed weights ``S_n`` of the spikes in each step; in truth they arrive at its end.
    v0, i0 : float
        State at step 0.
    order : int, optional

    Returns
    -------
    ndarray, shape (n_steps, 2)
        Numerical minus true ``(u, i)`` after steps 1, 2, ...; the largest modulus of a column is the exact sup error.
    """
    return _run(neuron, dt, scheme, inputs, v0, i0, order)[0]


def error_bound(
    neuron: CubaLIF,
    dt: float,
    scheme: str,
    inputs: ArrayLike,
    v0: float = 0.0,
    i0: float = 0.0,
    order: int | None = None,
    *,
    rate: float,
    scale: float = 1.0,
) -> Floats:
    """Bound of :func:`global_error` after every step, from the local errors and one rate of growth.

    Definition::

        B_n = exp(rate dt) B_{n-1} + || d_n ||,
        d_n = (A - exp(M dt)) x_{n-1} + (b - B) S_n + b_previous S_{n-1}

    with the numerical states ``x_n``. It holds for every scheme and step when ``|| exp(M t) || <= exp(rate t)``, up to
    rounding, which it does not count (all that is left for an exact scheme).

    Parameters
    ----------
    neuron, dt, scheme, inputs, v0, i0, order
        As in :func:`global_error`.
    rate : float
        In 1/s: ``logarithmic_norm(neuron, scale)``, or anything above, such as ``spectral_norm(neuron)`` and
        ``lipschitz_constant(neuron)`` (these with ``scale = 1``), of ``snntheory.linear.norms``.
    scale : float
        The bound is for ``sqrt(e_u**2 + (scale e_i)**2)``; in voltage per current, above zero.

    Returns
    -------
    ndarray, shape (n_steps,)
        ``inf`` where the bound exceeds the largest number.

    Accuracy
    --------
    tests/linear/test_error.py finds it above the measured error for random neurons, steps and every scheme.

    References
    ----------
    Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I (1993), section I.10.
    """
    rate, scale = _check.number("rate", rate, "1/s"), _check.positive("scale", scale)
    local = _run(neuron, dt, scheme, inputs, v0, i0, order)[1]
    size = np.hypot(local[:, 0], scale * local[:, 1])
    bound, previous = np.empty_like(size), 0.0
    with np.errstate(over="ignore"):
        growth = np.exp(rate * dt)
        for n, step in enumerate(size):
            previous = growth * previous + step
            bound[n] = previous
    return bound


def rounding_drift(tau: float, dt: ArrayLike, t_end: float, form: str, u_infinity: float = 1.0) -> Floats:
    """Error at ``t_end`` of an exact scheme in float64, for a membrane that charges from 0 under constant drive.

    Definition::

        "product":    u <- e u + (1 - e) u_infinity,            e = exp(-dt/tau)
        "increment":  u <- u + expm1(-dt/tau) (u - u_infinity)

    Both are the exact solution; they differ in what rounding does to them. The product commits the one rounding of
    ``e`` at every step; the increment stops short of ``u_infinity``, where a step is below half a unit in the last
    place of ``u``.

    Parameters
    ----------
    tau, t_end : float
        Time constant and duration in seconds; ``t_end`` a multiple of every step.
    dt : array_like
        Time steps in seconds, above zero.
    form : {"product", "increment"}
    u_infinity : float
        Voltage that the membrane tends to.

    Returns
    -------
    ndarray
        Numerical minus true voltage, the shape of ``dt``.

    Raises
    ------
    ValueError
        A step is not above zero or does not divide ``t_end``, ``form`` is unknown.

    References
    ----------
    The test ``test_iaf_ps_dc_accuracy`` of NEST; Morrison et al., Neural Computation 19:47 (2007).
    """
    tau, t_end = _check.positive("tau", tau, "s"), _check.positive("t_end", t_end, "s")
    _check.choice("form", form, ("product", "increment"))
    target = _check.number("u_infinity", u_infinity)
    steps = _check.array("dt", dt)
    if np.any(steps <= 0):
        raise ValueError(f"dt must be above 0 s everywhere, got {steps.min():g}")
    counts = np.rint(t_end / steps).astype(int)
    wrong = ~np.isclose(counts * steps, t_end, rtol=1e-9, atol=0.0)
    if np.any(wrong):
        raise ValueError(
            f"dt must divide t_end = {t_end:g} s, got {steps[wrong].ravel()[0]:g} s; choose t_end as a multiple"
        )
    drift = np.empty(steps.shape)
    for place, step in np.ndenumerate(steps):
        decay, loss, u = float(np.exp(-step / tau)), float(np.expm1(-step / tau)), 0.0
        for _ in range(counts[place]):
            u = decay * u + (1 - decay) * target if form == "product" else u + loss * (u - target)
        drift[place] = u + target * np.expm1(-t_end / tau)
    return drift


# --- parts ---


def _first_term(expression: sympy.Matrix, right: sympy.Matrix) -> LeadingTerm:
    """First power at which the Taylor series of ``expression`` leaves that of ``exp(M dt) right``."""
    exact = right
    for power, coefficient in enumerate(_taylor_coefficients(expression)):
        difference = (coefficient - exact).applyfunc(sympy.cancel)
        if not difference.is_zero_matrix:
            break
        exact = (system_matrix * exact / (power + 1)).applyfunc(sympy.cancel)
    return LeadingTerm(power, sympy.ImmutableMatrix(difference.applyfunc(sympy.factor)))


def _taylor_coefficients(matrix: sympy.Matrix) -> Iterator[sympy.Matrix]:
    """Coefficients of the powers of the step, without end."""
    if all(entry.is_polynomial(delta_t) for entry in matrix):  # differentiating a long one is slow
        powers = [sympy.Poly(entry, delta_t) for entry in matrix]
        for power in count():
            yield sympy.Matrix(*matrix.shape, [entry.coeff_monomial(delta_t**power) for entry in powers])
    lost = int(matrix.subs(delta_t, 0).has(sympy.nan, sympy.zoo, sympy.oo))
    if lost:  # the kick of a spike smeared over a step is divided by the step: 0/0 there
        matrix = (matrix * delta_t).applyfunc(sympy.expand).diff(delta_t)
    for power in count():
        yield matrix.subs(delta_t, 0) / sympy.factorial(power + lost)
        matrix = matrix.diff(delta_t)


def _is_zero(matrix: sympy.Matrix) -> bool:
    """Whether an expression vanishes; a value at one point answers no at once, only a yes needs algebra."""
    point = {delta_t: sympy.Rational(1, 3), tau_mem: 2, tau_syn: 1, resistance: 1}
    if any(abs(sympy.N(entry, 30)) > 1e-20 for entry in matrix.subs(point)):
        return False
    return bool(matrix.applyfunc(sympy.simplify).is_zero_matrix)


def _numbers(matrix: sympy.Matrix, neuron: CubaLIF) -> Floats:
    evaluate = sympy.lambdify(_PARAMETERS, sympy.Matrix(matrix), modules="numpy")
    return np.asarray(evaluate(neuron.tau_mem, neuron.tau_syn, neuron.r), dtype=np.float64)


def _run(
    neuron: CubaLIF, dt: float, scheme: str, inputs: ArrayLike, v0: float, i0: float, order: int | None
) -> tuple[Floats, Floats]:
    """Global and local errors after every step."""
    inputs = _check.array("inputs", inputs, ndim=1)
    v0, i0 = _check.number("v0", v0), _check.number("i0", i0)
    model, exact = discretize(neuron, dt, scheme, order), discretize(neuron, dt, "impulse_invariance")
    states = np.stack(model.simulate(inputs, v0, i0), axis=-1)
    t = np.arange(1, inputs.size + 1) * model.dt
    spikes = np.flatnonzero(inputs)
    u = response(neuron, t, t[spikes], inputs[spikes], v0, i0)
    i = i0 * np.exp(-t / neuron.tau_syn)
    for n in spikes:
        i[n:] += inputs[n] / neuron.tau_syn * np.exp(-(t[n:] - t[n]) / neuron.tau_syn)
    before = np.vstack([[v0, i0], states])[:-1]
    local = before @ (model.A - exact.A).T
    local += np.outer(inputs, model.b - exact.b)
    local[1:] += np.outer(inputs[:-1], model.b_previous)
    return states - np.stack([u, i], axis=-1), local
