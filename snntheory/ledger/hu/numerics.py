"""Section 2.3: the Euler methods, their stability and their error, equations (13)-(17)."""

from __future__ import annotations

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ...linear import schemes
from ...linear.norms import lipschitz_constant, numerical_system_matrix
from ...linear.schemes.impulse_invariance import PROPAGATOR
from ...linear.symbolic import delta_t, identity, resistance, system_matrix, t, tau_mem, tau_syn, z
from ...neuron import CubaLIF
from ..checking import conditional, discrepancy, holds, inconsistent, misprint
from ..entry import Entry, Finding, Verdict

SOURCE = "hu"
_MEM, _SYN, _R = 0.8, 0.6, 1.2  # the source's neuron, in seconds

_du, _di = sp.symbols("du di", real=True)
_forward = identity + delta_t * system_matrix
_backward = (identity - delta_t * system_matrix).inv()


def _matrix(mem: float = _MEM, syn: float = _SYN, r: float = _R) -> NDArray[np.float64]:
    return numerical_system_matrix(CubaLIF(mem, syn, r=r))


def _local_order(step: sp.Matrix) -> int:
    """Power of dt of the first term in which one step differs from the exact propagator."""
    for power in range(6):
        for entry in step - PROPAGATOR:
            derivative = sp.diff(entry, delta_t, power).subs(delta_t, 0)
            if discrepancy(derivative) > 1e-40:
                return power
    raise ValueError("the step agrees with the exact propagator beyond the fifth power of dt")


def _forward_truncation() -> Finding:
    order = _local_order(_forward)
    # (f(t + dt) - f(t))/dt on z^n: the z-transform of the quotient
    quotient = discrepancy((z ** (t + 1) - z**t) / delta_t / z**t, (z - 1) / delta_t)
    return holds(
        order == 2 and quotient < 1e-40,
        f"one step errs by O(dt^{order}), hence O(dt^{order - 1}) at a fixed time; z-transform: {quotient:.0g}",
    )


def _forward_step() -> Finding:
    printed = sp.Matrix([[1, -delta_t / tau_mem, resistance * delta_t / tau_mem], [0, 1, -delta_t / tau_syn]])
    joined = sp.Matrix([[1 - delta_t / tau_mem, resistance * delta_t / tau_mem], [0, 1 - delta_t / tau_syn]])
    left = discrepancy(joined, schemes.get("forward_euler").propagator)
    return misprint(
        printed.shape == (2, 2),
        left < 1e-40,
        f"printed shape {printed.shape} times a state of 2; with 1 - dt/tau as one entry it is "
        f"forward Euler: {left:.0g}",
    )


def _input_of_a_step() -> Finding:
    # mean current in the steady state of (4): a Poisson train of rate lambda and weight w has the mean w lambda
    rate, weight = sp.symbols("lambda w", positive=True)
    decay = 1 - delta_t / tau_syn
    spikes = rate * delta_t  # expected value of the binary s in a step
    printed = sp.simplify(delta_t / tau_syn * weight * spikes / (1 - decay))
    kick = sp.simplify(weight / tau_syn * spikes / (1 - decay))
    explained = discrepancy(printed / (weight * rate), delta_t) < 1e-40
    return inconsistent(
        discrepancy(printed, weight * rate) < 1e-40,
        explained and discrepancy(kick, weight * rate) < 1e-40,
        f"mean current {printed} with dt/tau_s and a binary s, {kick} with 1/tau_s; (4) gives w lambda",
    )


def _stability() -> Finding:
    rng = np.random.default_rng(13)
    stable, unstable = 0.0, np.inf
    for _ in range(200):
        mem, syn = 10 ** rng.uniform(-3, 1, 2)
        start, limit = rng.standard_normal(2), 2 * min(mem, syn)
        below, above = (np.eye(2) + share * limit * _matrix(mem, syn) for share in (0.99, 1.01))
        # so many steps below that the slower of two decays has ended too
        stable = max(stable, float(np.linalg.norm(np.linalg.matrix_power(below, 10**7) @ start)))
        unstable = min(unstable, float(np.linalg.norm(np.linalg.matrix_power(above, 4000) @ start)))
    declared = schemes.get("forward_euler").stability_limit
    symbolic = sp.simplify(declared - 2 * sp.Min(tau_mem, tau_syn)) == 0
    return holds(
        symbolic and stable < 1e-6 and unstable > 1e6,
        f"200 random neurons: at most {stable:.0g} is left 1 % below the limit after 1e7 steps, at least "
        f"{unstable:.0g} 1 % above it after 4000",
    )


def _backward_truncation() -> Finding:
    order = _local_order(_backward)
    quotient = discrepancy((z**t - z ** (t - 1)) / delta_t / z**t, (z - 1) / (z * delta_t))
    ratios = 10.0 ** np.arange(-3, 7)
    radius = float(np.max(1 / (1 + ratios)))
    return holds(
        order == 2 and quotient < 1e-40 and radius < 1,
        f"one step errs by O(dt^{order}); z-transform: {quotient:.0g}; poles 1/(1 + dt/tau) at most {radius:.4f} "
        "for dt/tau from 1e-3 to 1e6",
    )


def _backward_step() -> Finding:
    printed = sp.Matrix(
        [[1 + delta_t / tau_mem, -resistance * delta_t / tau_mem], [0, 1 + delta_t / tau_syn]]
    ).inv()
    left = discrepancy(printed, schemes.get("backward_euler").propagator)
    return holds(left < 1e-40, f"difference from the declared propagator of backward Euler: {left:.0g}")


def _distance() -> Finding:
    printed = (_du - resistance * _di) ** 2 / tau_mem**2 + _di**2 / tau_syn**2
    slope = system_matrix * sp.Matrix([_du, _di])
    left = discrepancy(printed, slope.dot(slope))
    return holds(left < 1e-40, f"square of the norm of M (n_1 - n_2): difference {left:.0g}")


_EQUATION_16 = (1 + resistance) / tau_mem**2 * _du**2 + (
    (resistance**2 + resistance) / tau_mem**2 + 1 / tau_syn**2
) * _di**2


def _split() -> Finding:
    slope = system_matrix * sp.Matrix([_du, _di])
    gap = discrepancy(_EQUATION_16 - slope.dot(slope), resistance * (_du + _di) ** 2 / tau_mem**2)
    return holds(gap < 1e-40, f"(16)^2 - (15)^2 = R (du + di)^2/tau_m^2 >= 0, up to {gap:.0g}")


def lipschitz(mem: float, syn: float, r: float) -> float:
    """The constant of equation (17)."""
    return lipschitz_constant(CubaLIF(mem, syn, r=r))


def _largest() -> Finding:
    rng = np.random.default_rng(17)
    draws = 10 ** rng.uniform(-2, 2, (2000, 3))
    ratios = [lipschitz(*draw) / np.linalg.norm(_matrix(*draw), 2) for draw in draws]
    own = lipschitz(_MEM, _SYN, _R) / np.linalg.norm(_matrix(), 2)
    return holds(
        bool(min(ratios) >= 1),
        f"over the spectral norm, the smallest such constant: {min(ratios):.3f} to {max(ratios):.1f} in 2000 "
        f"random neurons, {own:.3f} for the source's",
    )


def _bounded_curvature() -> Finding:
    # free neuron: the sum of two decays is bounded; with a spike u' jumps, so u'' has no bound
    time = np.linspace(0, 30, 30001)
    free = np.abs(np.exp(-time / _MEM) / _MEM**2 - 2 * np.exp(-time / _SYN) / _SYN**2).max()
    widths = np.array([1e-2, 1e-3, 1e-4])
    jump = _R / (_MEM * _SYN)  # of u' after a spike of weight 1
    across = jump / widths
    return conditional(
        bool(across[-1] < 2 * across[0]),
        bool(np.isfinite(free)),
        f"free: |u''| <= {free:.2f}; a spike makes u' jump by R w/(tau_m tau_s) = {jump:.2f} per unit weight, "
        f"so its quotient over {widths[0]:g}, {widths[-1]:g} s is {across[0]:.0f}, {across[-1]:.0f}",
    )


def _free_error(
    dt: float, steps: int, state: NDArray[np.float64], mem: float, syn: float, r: float
) -> tuple[float, float]:
    """Error of u after ``steps`` steps of forward Euler without input, and the largest |u''| on the way."""
    values, vectors = np.linalg.eig(_matrix(mem, syn, r))
    parts = vectors * np.linalg.solve(vectors, state)
    time = np.linspace(0, steps * dt, 201)
    curvature = np.abs((parts[0] * values**2) @ np.exp(np.outer(values, time))).max()
    euler = np.linalg.matrix_power(np.eye(2) + dt * _matrix(mem, syn, r), steps) @ state
    exact = parts @ np.exp(values * steps * dt)
    return float(abs(euler[0] - exact[0])), float(curvature)


def _global_bound() -> Finding:
    rng = np.random.default_rng(18)
    worst = 0.0
    for _ in range(1000):
        mem, syn, r = 10 ** rng.uniform(-1, 1, 3)
        dt, steps = min(mem, syn) * 10 ** rng.uniform(-3, 0), int(rng.integers(1, 40))
        error, curvature = _free_error(dt, steps, rng.standard_normal(2), mem, syn, r)
        constant = lipschitz(mem, syn, r)
        worst = max(worst, error / (curvature * dt / (2 * constant) * np.expm1(constant * steps * dt)))
    constant, dt, start = lipschitz(_MEM, _SYN, _R), 0.05, np.array([1.0, 1.0])
    sizes = []
    for end in (1.0, 10.0):
        error, curvature = _free_error(dt, round(end / dt), start, _MEM, _SYN, _R)
        sizes.append((error, curvature * dt / (2 * constant) * np.expm1(constant * end)))
    # with one step's true norm instead of 1 + L dt the geometric sum stays finite, and still holds
    norm = float(np.linalg.norm(np.eye(2) + dt * _matrix(), 2))
    acceleration = float(np.linalg.norm(_matrix() @ _matrix() @ start))
    finite = acceleration * dt**2 / 2 / (1 - norm)
    covered = all(
        _free_error(dt, n, start, _MEM, _SYN, _R)[0] <= finite * (1 - norm**n) for n in range(1, 201, 5)
    )
    return holds(
        bool(worst <= 1) and covered,
        f"error over bound at most {worst:.4f} in 1000 random cases; source's neuron, dt 0.05 s: at 1 s error "
        f"{sizes[0][0]:.1e}, bound {sizes[0][1]:.1e}; at 10 s {sizes[1][0]:.0e} and {sizes[1][1]:.0e}; "
        f"from the norm of a step ({norm:.3f}) at most {finite:.2f} for all times",
    )


ENTRIES = (
    Entry(
        SOURCE,
        "text before (13)",
        "forward Euler: error of a step and z-transform",
        r"\dot f \approx \frac{f(t + \Delta t) - f(t)}{\Delta t} \leftrightarrow \frac{z - 1}{\Delta t},"
        r"\quad \text{local error}\ O(\Delta t^2)",
        Verdict.HOLDS,
        _forward_truncation,
        consequence="The order printed is that of one step; at a fixed time both Euler methods are of first order.",
    ),
    Entry(
        SOURCE,
        "(13)",
        "forward Euler step",
        r"x_{n+1} = \begin{pmatrix} 1 & -\Delta t/\tau_m & R\Delta t/\tau_m \\ 0 & 1 & -\Delta t/\tau_s"
        r" \end{pmatrix} x_n + \frac{\Delta t}{\tau_s}\begin{pmatrix} 0 \\ w \cdot s \end{pmatrix}",
        Verdict.MISPRINT,
        _forward_step,
        r"\begin{pmatrix} 1 - \Delta t/\tau_m & R\Delta t/\tau_m \\ 0 & 1 - \Delta t/\tau_s \end{pmatrix}",
        "A column too many (in the text at hand): the product with the state does not exist.",
    ),
    Entry(
        SOURCE,
        "(13) and (14), input",
        "the spikes that enter a step",
        r"i \mathrel{+}= \frac{\Delta t}{\tau_s}\, w \cdot s,\quad s \in \{0, 1\}",
        Verdict.INCONSISTENT,
        _input_of_a_step,
        r"i \mathrel{+}= \frac{1}{\tau_s}\, w \cdot s,\quad"
        r" \text{because}\ \int_{\text{step}} w\,\delta(t - t_n)\,dt = w",
        "The drive is multiplied by the time step: networks at different steps get different inputs, "
        "and none in the limit.",
    ),
    Entry(
        SOURCE,
        "text after (13)",
        "stability of forward Euler",
        r"\Delta t < 2\min\{\tau_m, \tau_s\}",
        Verdict.HOLDS,
        _stability,
        consequence="Stable is not monotone: between min and 2 min the free voltage changes its sign every step.",
    ),
    Entry(
        SOURCE,
        "text before (14)",
        "backward Euler: error of a step, z-transform, stability",
        r"\dot f \approx \frac{f(t) - f(t - \Delta t)}{\Delta t} \leftrightarrow \frac{z - 1}{z\,\Delta t},"
        r"\quad \text{stable for every}\ \Delta t",
        Verdict.HOLDS,
        _backward_truncation,
    ),
    Entry(
        SOURCE,
        "(14)",
        "backward Euler step",
        r"x_n = \begin{pmatrix} 1 + \Delta t/\tau_m & -R\Delta t/\tau_m \\ 0 & 1 + \Delta t/\tau_s"
        r" \end{pmatrix}^{-1}\left(x_{n-1} + \frac{\Delta t}{\tau_s}\begin{pmatrix} 0 \\ w \cdot s"
        r" \end{pmatrix}\right)",
        Verdict.HOLDS,
        _backward_step,
        consequence="The matrix is right; for its input see the entry on (13) and (14).",
    ),
    Entry(
        SOURCE,
        "(15)",
        "distance of two slopes",
        r"\|\dot x_1 - \dot x_2\|_2 = \sqrt{\tfrac1{\tau_m^2}(\Delta u - R\Delta i)^2"
        r" + \tfrac1{\tau_s^2}\Delta i^2}",
        Verdict.HOLDS,
        _distance,
    ),
    Entry(
        SOURCE,
        "(16)",
        "mixed term split",
        r"\dots \le \sqrt{\tfrac{1 + R}{\tau_m^2}\Delta u^2"
        r" + \left(\tfrac{R^2 + R}{\tau_m^2} + \tfrac1{\tau_s^2}\right)\Delta i^2}",
        Verdict.HOLDS,
        _split,
    ),
    Entry(
        SOURCE,
        "(17)",
        "Lipschitz constant",
        r"L = \sqrt{\max\left\{\tfrac{1 + R}{\tau_m^2},"
        r" \tfrac{R^2 + R}{\tau_m^2} + \tfrac1{\tau_s^2}\right\}}",
        Verdict.HOLDS,
        _largest,
        r"L_{\min} = \|M\|_2",
        "A valid constant, not the smallest: that is the spectral norm of the system matrix.",
    ),
    Entry(
        SOURCE,
        "text after (17), curvature",
        "the second derivative of the voltage is bounded",
        r"|\ddot u(t)| \le M < \infty",
        Verdict.CONDITION,
        _bounded_curvature,
        r"\text{between two input spikes}",
        "The error bound built on it does not cover a step that contains a spike.",
    ),
    Entry(
        SOURCE,
        "text after (17), error",
        "global error of forward Euler",
        r"|u_k - u(t_k)| \le \frac{M\Delta t}{2L}\left(e^{L t_k} - 1\right)",
        Verdict.HOLDS,
        _global_bound,
        r"\|x_k - x(t_k)\| \le \frac{M\Delta t^2}{2}\,\frac{1 - q^k}{1 - q},\quad"
        r" q = \|I + \Delta t\,M_{\text{sys}}\|_2",
        "The bound grows without end while the error decays; it says nothing beyond a few time constants.",
    ),
)
