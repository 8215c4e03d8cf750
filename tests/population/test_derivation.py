"""The derivation: adjoint, expansion, moments, the stationary Gaussian; and the printed form fails."""

import numpy as np
import pytest
import sympy as sp

from snntheory import CubaLIF
from snntheory.linear.symbolic import delta_t, resistance, tau_mem, tau_syn
from snntheory.population import derivation as d
from snntheory.population import free_cumulants, free_moments

NUMBERS = {tau_mem: 20, tau_syn: 5, resistance: 2, d.rate: sp.Rational(3, 2), d.weight: sp.Rational(4, 5)}


def test_without_time_nothing_changes():
    assert sp.simplify(d.expected_after_step(d.phi).subs(delta_t, 0).doit() - d.phi) == 0
    assert d.generator(sp.Integer(1)) == 0


def test_motion_is_adjoint_up_to_a_divergence():
    assert d.adjoint_defect() == 0


def test_jumps_are_adjoint_by_a_shift():
    # for a Gaussian and a polynomial both integrals can be done
    density = sp.exp(-(d.i**2) / 2) / sp.sqrt(2 * sp.pi)
    observable = d.i**3 + d.u * d.i
    change = d.jump_equation(density) - d.jump_equation(density).subs(d.rate, 0)
    one = sp.integrate(sp.expand(observable * change), (d.i, -sp.oo, sp.oo))
    moved = d.generator(observable) - d.generator(observable).subs(d.rate, 0)
    other = sp.integrate(sp.expand(moved) * density, (d.i, -sp.oo, sp.oo))
    assert sp.simplify(one - other) == 0


def test_small_weights_give_the_fokker_planck_equation():
    exact = d.jump_equation(sp.exp(-(d.i**2) - d.u * d.i))
    motion = exact.subs(d.rate, 0)
    density = sp.exp(-(d.i**2) - d.u * d.i)
    assert sp.simplify(motion + d.kramers_moyal(density) - d.fokker_planck_equation(density)) == 0
    rest = exact - d.fokker_planck_equation(density)
    for order in range(3):
        assert sp.simplify(sp.diff(rest, d.weight, order).subs(d.weight, 0)) == 0
    assert sp.simplify(sp.diff(rest, d.weight, 3).subs(d.weight, 0)) != 0  # what the limit leaves out
    third = d.kramers_moyal(density, 3) - d.kramers_moyal(density)
    assert sp.simplify(sp.diff(rest - third, d.weight, 3).subs(d.weight, 0)) == 0


def test_moments_are_those_of_campbells_theorem():
    found = {str(key): float(value.subs(NUMBERS)) for key, value in d.stationary_moments().items()}
    mean, covariance = free_moments(CubaLIF(20.0, 5.0, r=2.0), 1.5, 0.8)
    np.testing.assert_allclose([found["m_u"], found["m_i"]], mean, rtol=1e-12)
    np.testing.assert_allclose(found["m_uu"] - found["m_u"] ** 2, covariance[0, 0], rtol=1e-12)
    np.testing.assert_allclose(found["m_ui"] - found["m_u"] * found["m_i"], covariance[0, 1], rtol=1e-12)
    np.testing.assert_allclose(found["m_ii"] - found["m_i"] ** 2, covariance[1, 1], rtol=1e-12)


def test_third_moment_of_the_current_is_kept_by_jumps_and_lost_by_diffusion():
    # d<i^3>/dt = 0 solved with the lower moments at rest
    lower = d.stationary_moments()
    third = sp.Symbol("m_iii")
    change = sp.Poly(sp.expand(d.generator(d.i**3)), d.i)
    m = {str(key): value for key, value in lower.items()}
    moments = {0: 1, 1: m["m_i"], 2: m["m_ii"], 3: third}
    value = sp.solve(sum(part * moments[at] for (at,), part in change.terms()), third)[0]
    central = value - 3 * m["m_i"] * m["m_ii"] + 2 * m["m_i"] ** 3
    _, cumulants = free_cumulants(CubaLIF(20.0, 5.0, r=2.0), 1.5, 0.8, order=3)
    assert float(central.subs(NUMBERS)) == pytest.approx(cumulants[2], rel=1e-12)


def gaussian(cross):
    """The density with the free moments, for the numbers above; ``cross`` scales its covariance of u and i."""
    mean, covariance = free_moments(CubaLIF(20.0, 5.0, r=2.0), 1.5, 0.8)
    covariance = covariance * np.array([[1, cross], [cross, 1]])
    at = sp.Matrix([d.u - sp.nsimplify(mean[0]), d.i - sp.nsimplify(mean[1])])
    inverse = sp.Matrix(2, 2, [sp.nsimplify(x, rational=True) for x in np.linalg.inv(covariance).ravel()])
    return sp.exp(-(at.T * inverse * at)[0] / 2)


def defect(equation, density):
    ratio = sp.lambdify((d.u, d.i), sp.simplify((equation / density).subs(NUMBERS)))
    return max(abs(ratio(a, b)) for a, b in ((1.0, 2.0), (3.0, 0.5), (-1.0, 1.5)))


def test_the_free_gaussian_is_stationary_and_nothing_else_is():
    density = gaussian(1.0)
    assert defect(d.fokker_planck_equation(density), density) < 1e-9
    assert defect(d.fokker_planck_equation(gaussian(0.8)), gaussian(0.8)) > 1e-3
    printed = d.fokker_planck_equation(density) - sp.diff(
        (resistance * d.i / tau_syn - resistance * d.i / tau_mem) * density, d.u
    )
    assert defect(printed, density) > 0.01  # R i/tau_syn, as equation (36) of the source has it


def test_no_diffusion_along_the_voltage():
    along_u, _ = d.fluxes()
    assert not along_u.atoms(sp.Derivative)


def test_the_steps_end_in_the_equation():
    lines = d.steps()
    assert len(lines) == 5 and all(line.title for line in lines)
    assert sp.simplify((lines[-2].equation.rhs - lines[-1].equation.rhs).doit()) == 0
