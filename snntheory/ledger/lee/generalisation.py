"""Section 3.3, equations (11), (16) and (17), and the example of section 7.2."""

from __future__ import annotations

import mpmath
import sympy as sp

from ..checking import holds, identical, misprint
from ..entry import Entry, Finding, Verdict
from ..event_driven import voltage
from .forward_propagation import SOURCE
from .model import single

_x, _y = sp.symbols("x y", real=True)


def refractory_rate() -> Finding:
    """Residual of the firing equation with the refractory term decaying at either rate."""
    with mpmath.workdps(25):
        cell, weights, inputs, fired = single(0)
        largest = {}
        for name, rate in (("alpha", cell.alpha), ("beta", cell.beta)):
            residuals = []
            for k, spike in enumerate(fired):
                v = voltage(cell, weights, inputs, 0, spike.time)
                v -= cell.theta * sum(mpmath.exp(-rate * (spike.time - e.time)) for e in fired[:k])
                residuals.append(abs(float(v - cell.theta)))
            largest[name] = max(residuals)
    return misprint(
        largest["alpha"] < 1e-20,
        largest["beta"] < 1e-20,
        f"V - theta at {len(fired)} spikes: up to {largest['alpha']:.3f} with exp(-alpha t), "
        f"{largest['beta']:.0e} with exp(-beta t)",
    )


def output_spikes() -> Finding:
    """A step function of V is zero at almost every time: its convolution with any kernel is zero."""
    with mpmath.workdps(20):
        cell, weights, inputs, fired = single(0)
        events = [*inputs, *fired]
        grid = [mpmath.mpf(8) * (k + 1) / 800 for k in range(800)]
        above = sum(voltage(cell, weights, events, 0, t) > cell.theta for t in grid)
        t = grid[-1]
        exact = voltage(cell, weights, events, 0, t)
        free = voltage(cell, weights, inputs, 0, t)  # the printed convolution adds -theta h * 0
        with_deltas = free - cell.theta * sum(cell.decay(t - e.time) for e in fired)
    return misprint(
        abs(float(free - exact)) < 1e-12,
        above == 0 and abs(float(with_deltas - exact)) < 1e-15,
        f"V lies above theta at {above} of {len(grid)} times, so u(V - theta) resets nothing: V(8) would be "
        f"{float(free):.3f}; with a delta "
        f"at each of {len(fired)} crossings it is {float(with_deltas):.3f}",
    )


def refractory_sign() -> Finding:
    """Residual of (11) for the kernel that the text names, with either sign."""
    with mpmath.workdps(25):
        cell, weights, inputs, fired = single(0)
        refractory = lambda t: -cell.theta * cell.decay(t)  # noqa: E731
        largest = {}
        for sign in (-1, 1):
            residuals = []
            for k, spike in enumerate(fired):
                v = voltage(cell, weights, inputs, 0, spike.time)
                v += sign * sum((refractory(spike.time - e.time) for e in fired[:k]), mpmath.mpf(0))
                residuals.append(abs(float(v - cell.theta)))
            largest[sign] = max(residuals)
    return misprint(
        largest[-1] < 1e-20,
        largest[1] < 1e-20,
        f"kernel -theta exp(-beta t): V - theta up to {largest[-1]:.3f} with the printed minus, "
        f"{largest[1]:.0e} with plus",
    )


def kernel_from_zero() -> Finding:
    """A kernel that starts above zero lets an input jump over the threshold: V = theta has no solution."""
    with mpmath.workdps(20):
        theta, w = mpmath.mpf(1), mpmath.mpf(3)
        jumping = lambda t: w * mpmath.exp(-t) if t > 0 else mpmath.mpf(0)  # noqa: E731
        before, after = jumping(mpmath.mpf(0)), jumping(mpmath.mpf("1e-15"))
        cell, weights, inputs, _ = single(0)
        smooth = [abs(float(cell.kernel(mpmath.mpf(10) ** -k))) for k in (3, 6, 9)]
    return holds(
        before < theta < after and all(v <= 1.1 * 10.0**-k for v, k in zip(smooth, (3, 6, 9), strict=True)),
        f"kernel exp(-t), weight 3: V jumps from {float(before):.0f} to {float(after):.0f} past theta = 1 "
        "and no rising crossing exists; "
        "h(0+) = 0",
    )


def implicit_derivative() -> Finding:
    """(16) and (17) for a curve and for a linear system of two equations."""
    phi = _x**2 + _y**2 - 1
    psi = sp.sqrt(1 - _x**2)
    at = {_x: sp.Rational(1, 3)}
    curve = sp.simplify((sp.diff(phi, _y).subs(_y, psi) * sp.diff(psi, _x) + sp.diff(phi, _x)).subs(at)) == 0
    a, b, c, d, e, f = sp.symbols("a b c d e f", positive=True)
    matrix, right = sp.Matrix([[a, b], [c, a + d]]), sp.Matrix([e, f])
    solution = matrix.LUsolve(-right * _x)
    linear = identical(solution.diff(_x), -matrix.inv() * right)
    return holds(curve and linear, "circle at x = 1/3 and A y + B x = 0 with two equations: identically zero")


def point_b() -> Finding:
    """Where the gradient has no horizontal component, y is a function of x; where no vertical one, x of y."""
    phi = _x**2 + _y**2 - 1
    gradient = [sp.diff(phi, v) for v in (_x, _y)]
    horizontal_zero, vertical_zero = {_x: 0, _y: 1}, {_x: 1, _y: 0}
    printed = gradient[0].subs(horizontal_zero) == 0 and gradient[1].subs(horizontal_zero) == 0
    corrected = gradient[1].subs(vertical_zero) == 0 and gradient[0].subs(vertical_zero) != 0
    # near (1, 0): x = sqrt(1 - y^2) is one function of y, while two y belong to each x < 1
    roots = sp.solve(phi.subs(_x, sp.Rational(99, 100)), _y)
    return misprint(
        bool(printed),
        bool(corrected and len(roots) == 2),
        f"circle at (0, 1), horizontal component 0: y is a function of x there; at (1, 0), vertical "
        f"component 0, {len(roots)} y belong to "
        "each x and only x is a function of y",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        SOURCE,
        "text, section 3.3 (kernel)",
        "Refractory kernel",
        r"-\theta\,h_i(t) = -\theta\,e^{-\alpha t}\,\Theta(t)",
        Verdict.MISPRINT,
        refractory_rate,
        r"-\theta\,e^{-\beta t}\,\Theta(t)",
        "The reset would decay with the synapse instead of the membrane.",
    ),
    Entry(
        SOURCE,
        "text, section 3.3 (spikes)",
        "Output spikes of the spike response model",
        r"s^{\mathrm{out}}(t) = \Theta\left(V(t) - \theta\right)",
        Verdict.MISPRINT,
        output_spikes,
        r"s^{\mathrm{out}}(t) = \sum_{f \in F} \delta(t - f)",
        "A step function has no mass where the potential only reaches the threshold: convolved with the "
        "refractory kernel it resets nothing.",
    ),
    Entry(
        SOURCE,
        "(11)",
        "Firing equation for general kernels",
        r"\sum_j w_{ji} \sum_{g \in F_j} K^{\mathrm{in}}(f - g) - \sum_{e < f} K^{\mathrm{ref}}(f - e) = "
        r"\theta, \qquad "
        r"K^{\mathrm{ref}}(t) = -\theta\,e^{-\beta t}",
        Verdict.MISPRINT,
        refractory_sign,
        r"\sum_j w_{ji} \sum_{g \in F_j} K^{\mathrm{in}}(f - g) + \sum_{e < f} K^{\mathrm{ref}}(f - e) = "
        r"\theta",
        "With the kernel as defined, the printed sign turns each reset into an excitation.",
    ),
    Entry(
        SOURCE,
        "text, section 3.3 (condition)",
        "Kernels start at zero",
        r"K^{\mathrm{in}}(0^+) = 0",
        Verdict.HOLDS,
        kernel_from_zero,
    ),
    Entry(
        SOURCE,
        "(16)",
        "Derivative of the constraint",
        r"\frac{\partial \phi}{\partial y}\,\frac{\partial \psi}{\partial x} + \frac{\partial \phi}{\partial "
        r"x} = 0",
        Verdict.HOLDS,
        implicit_derivative,
    ),
    Entry(
        SOURCE,
        "(17)",
        "Derivative of the implicit function",
        r"\frac{\partial \psi}{\partial x} = -\left(\frac{\partial \phi}{\partial y}\right)^{-1} "
        r"\frac{\partial \phi}{\partial x}",
        Verdict.HOLDS,
        implicit_derivative,
    ),
    Entry(
        SOURCE,
        "Example 1, point B",
        "Which variable is a function of the other",
        r"\frac{\partial \phi}{\partial x} = 0 \;\Rightarrow\; \text{only } x = \psi(y)",
        Verdict.MISPRINT,
        point_b,
        r"\frac{\partial \phi}{\partial y} = 0, \; \frac{\partial \phi}{\partial x} \neq 0 \;\Rightarrow\; "
        r"\text{only } x = \psi(y)",
        "Points A and B are described by the same condition with opposite conclusions.",
    ),
)
