"""From the update of one neuron to the equations of the density: the jump equation and its diffusion limit, in SymPy.

The path of source 000, equations (18) to (36), with the drift of the voltage over ``tau_mem`` throughout. This module
needs SymPy and is not loaded by ``import snntheory.population``.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from ..linear.symbolic import delta_t, resistance, tau_mem, tau_syn

time = sp.Symbol("t", real=True)
u, i = sp.symbols("u i", real=True)
rate = sp.Symbol("lambda", positive=True)
weight = sp.Symbol("w", real=True)
jump = weight / tau_syn

p = sp.Function("p")(time, u, i)
phi = sp.Function("phi")(u, i)


@dataclass(frozen=True)
class Step:
    """One line of the derivation.

    Attributes
    ----------
    title : str
        What is done.
    equation : sympy.Eq
    """

    title: str
    equation: sp.Eq


def expected_after_step(observable: sp.Expr) -> sp.Expr:
    """``E[observable(U, I) after Delta_t | U = u, I = i]``, for a step that is short against the input's intervals.

    Definition::

        (1 - lambda Delta_t) f(u + (R i - u) Delta_t/tau_mem, i - i Delta_t/tau_syn)
            + lambda Delta_t f(u, i + w/tau_syn)
    """
    moved = {
        u: u + (resistance * i - u) / tau_mem * delta_t,
        i: i - i / tau_syn * delta_t,
    }
    quiet = observable.subs(moved, simultaneous=True)
    return (1 - rate * delta_t) * quiet + rate * delta_t * observable.subs(i, i + jump)


def generator(observable: sp.Expr) -> sp.Expr:
    """Mean rate of change of an observable: the derivative of :func:`expected_after_step` at ``Delta_t = 0``.

    Definition::

        (R i - u)/tau_mem df/du - i/tau_syn df/di + lambda [f(u, i + w/tau_syn) - f(u, i)]
    """
    return sp.expand(sp.simplify(sp.diff(expected_after_step(observable), delta_t).subs(delta_t, 0).doit()))


def jump_equation(density: sp.Expr = p) -> sp.Expr:
    """``dp/dt`` for Poisson spikes of finite weight: the adjoint of :func:`generator`.

    Definition::

        d/du [(u - R i)/tau_mem p] + d/di [i/tau_syn p] + lambda [p(t, u, i - w/tau_syn) - p(t, u, i)]
    """
    drift = sp.diff((u - resistance * i) / tau_mem * density, u) + sp.diff(i / tau_syn * density, i)
    return drift + rate * (density.subs(i, i - jump) - density)


def kramers_moyal(density: sp.Expr = p, order: int = 2) -> sp.Expr:
    """The jump term up to a power of the weight: ``lambda sum_n (-w/tau_syn)^n / n! d^n p/di^n``."""
    return rate * sum((-jump) ** n / sp.factorial(n) * sp.diff(density, i, n) for n in range(1, order + 1))


def fokker_planck_equation(density: sp.Expr = p) -> sp.Expr:
    """``dp/dt`` in the diffusion limit.

    Definition::

        d/du [(u - R i)/tau_mem p] + d/di [(i - lambda w)/tau_syn p] + lambda w^2/(2 tau_syn^2) d2p/di2
    """
    along_u, along_i = fluxes(density)
    return -sp.diff(along_u, u) - sp.diff(along_i, i)


def fluxes(density: sp.Expr = p) -> tuple[sp.Expr, sp.Expr]:
    """Flux of probability along ``u`` and ``i`` in the diffusion limit.

    The flux along ``u`` has no diffusive part, so the threshold is crossed where ``R i > v_threshold`` only, and there
    the density need not vanish.
    """
    along_u = (resistance * i - u) / tau_mem * density
    noise = rate * weight**2 / (2 * tau_syn**2)
    return along_u, (rate * weight - i) / tau_syn * density - noise * sp.diff(density, i)


def adjoint_defect(observable: sp.Expr = phi, density: sp.Expr = p) -> sp.Expr:
    """``f L*p - p L f`` minus its divergence, for the motion between spikes: zero.

    What integrates to zero over the plane is the divergence of ``-(R i - u)/tau_mem f p`` and ``i/tau_syn f p``. The
    jumps are moved from one factor to the other by shifting the variable ``i``.
    """
    quiet = {rate: 0}
    difference = observable * jump_equation(density).subs(quiet) - density * generator(observable).subs(quiet)
    carried = observable * density
    divergence = sp.diff((u - resistance * i) / tau_mem * carried, u) + sp.diff(i / tau_syn * carried, i)
    return sp.simplify((difference - divergence).doit())


def moment_equations() -> dict[sp.Symbol, sp.Expr]:
    """Rates of change of the first and second moments: they close, because the neuron is linear below threshold.

    Returns
    -------
    dict
        ``{<u>: d<u>/dt, ...}`` in the symbols ``m_u, m_i, m_uu, m_ui, m_ii`` (raw moments).
    """
    names = {(1, 0): "m_u", (0, 1): "m_i", (2, 0): "m_uu", (1, 1): "m_ui", (0, 2): "m_ii"}
    moments = {powers: sp.Symbol(name, real=True) for powers, name in names.items()}
    moments[0, 0] = sp.Integer(1)
    equations = {}
    for powers in names:
        change = sp.Poly(sp.expand(generator(u ** powers[0] * i ** powers[1])), u, i)
        equations[moments[powers]] = sum(part * moments[at] for at, part in change.terms())
    return equations


def stationary_moments() -> dict[sp.Symbol, sp.Expr]:
    """Solution of :func:`moment_equations` at rest."""
    equations = moment_equations()
    return {
        symbol: sp.factor(value)
        for symbol, value in sp.solve(list(equations.values()), list(equations)).items()
    }


def steps() -> tuple[Step, ...]:
    """The derivation line by line, for the book."""
    dot = sp.diff(p, time)
    motion = jump_equation().subs(rate, 0)
    return (
        Step("the expectation of any function after a step", sp.Eq(sp.Symbol("E"), expected_after_step(phi))),
        Step("its rate of change: the generator", sp.Eq(sp.Symbol("L") * phi, generator(phi))),
        Step("the density obeys the adjoint: the jump equation", sp.Eq(dot, jump_equation())),
        Step("small weights: two terms of the jumps' series", sp.Eq(dot, motion + kramers_moyal())),
        Step("collected: the Fokker-Planck equation", sp.Eq(dot, fokker_planck_equation())),
    )
