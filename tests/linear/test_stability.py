"""Limits of the time step: proved from the declaration, and met by iterated propagators of random neurons."""

import dataclasses

import mpmath
import numpy as np
import pytest
import sympy

from snntheory import CubaLIF
from snntheory.linear import schemes, stability, symbolic

FIXED = [(name, None) for name in schemes.names() if name != "parker_sochacki"]
ALL = FIXED + [("parker_sochacki", order) for order in range(1, 13)]
SHORT = FIXED + [("parker_sochacki", order) for order in (1, 2, 3, 7, 12)]


def iterate(propagator, doublings):
    """Largest entry of the propagator's power 2**doublings, in units that keep it finite."""
    power = np.array(propagator)
    for _ in range(doublings):
        power = np.clip(power @ power, -1e100, 1e100)
    return np.abs(power).max()


def random_neurons(rng, count):
    for _ in range(count):
        mem, syn = 10 ** rng.uniform(-3, 0, 2)
        yield CubaLIF(mem, syn, r=10 ** rng.uniform(-1, 1))


@pytest.mark.parametrize(("name", "order"), ALL)
def test_declared_limits_are_proved(name, order):
    for proof in (stability.prove_stability(name, order), stability.prove_monotonicity(name, order)):
        assert proof.holds, proof
        low, high = proof.bracket
        if low != sympy.oo:
            assert 0 < low <= high <= low + sympy.Rational(1, 10**23)


@pytest.mark.parametrize("claim", ["stability", "monotonicity"])
def test_a_wrong_declaration_is_caught(monkeypatch, claim):
    right = schemes.get("parker_sochacki", 3)
    factor = 1 + sympy.Float("1e-15", 20)
    wrong = dataclasses.replace(right, **{f"{claim}_limit": factor * getattr(right, f"{claim}_limit")})
    monkeypatch.setattr(stability.schemes, "get", lambda name, order=None: wrong)
    stability._prove.cache_clear()
    assert not getattr(stability, f"prove_{claim}")("parker_sochacki", 3).holds
    stability._prove.cache_clear()


def test_a_declared_bound_where_there_is_none_is_caught(monkeypatch):
    wrong = dataclasses.replace(schemes.get("backward_euler"), stability_limit=2 * symbolic.tau_mem)
    monkeypatch.setattr(stability.schemes, "get", lambda name, order=None: wrong)
    stability._prove.cache_clear()
    assert not stability.prove_stability("backward_euler").holds
    stability._prove.cache_clear()


def test_limits_by_hand():
    # |1 - x| < 1;  |1 - x + x**2/2| < 1;  (2 - x)/(2 + x) >= 0
    assert stability.prove_stability("forward_euler").limit_x == 2
    assert stability.prove_monotonicity("forward_euler").limit_x == 1
    assert stability.prove_stability("parker_sochacki", 2).limit_x == 2
    assert stability.prove_monotonicity("bilinear").limit_x == 2
    assert stability.prove_stability("bilinear").limit_x == sympy.oo
    # order 3: 1 + R = 2 - x + x**2/2 - x**3/6 has one real root, by Cardano
    cubic = sympy.real_roots(sympy.Poly(symbolic.z**3 - 3 * symbolic.z**2 + 6 * symbolic.z - 12))[0]
    assert stability.prove_stability("parker_sochacki", 3).limit_x == pytest.approx(
        float(cubic.n(20)), abs=1e-15
    )


@pytest.mark.parametrize("order", range(1, 13))
def test_taylor_limits_agree_with_a_scan_of_the_factor(order):
    """Another method: |R_p| and the sign of R_p on a fine grid, summed term by term with 40 digits."""
    proofs = (
        stability.prove_stability("parker_sochacki", order),
        stability.prove_monotonicity("parker_sochacki", order),
    )
    with mpmath.workdps(40):
        grid = [mpmath.mpf(k) / 200 for k in range(1, 1400)]
        factor = [mpmath.fsum((-x) ** j / mpmath.factorial(j) for j in range(order + 1)) for x in grid]
    stable = next(x for x, value in zip(grid, factor, strict=True) if abs(value) >= 1)
    monotone = next(x for x, value in zip(grid, factor, strict=True) if value < 0 or value >= 1)
    for proof, found in zip(proofs, (stable, monotone), strict=True):
        assert -1e-15 <= found - proof.limit_x <= 1 / 200 + 1e-15  # the spacing of the grid


def test_even_orders_never_change_sign_and_odd_ones_lose_it_first():
    for order in range(1, 13):
        stable = stability.prove_stability("parker_sochacki", order).limit_x
        monotone = stability.prove_monotonicity("parker_sochacki", order).limit_x
        assert (monotone == stable) == (order % 2 == 0)


@pytest.mark.parametrize(("name", "order"), SHORT)
def test_random_neurons_grow_beyond_the_limit_and_decay_before_it(name, order):
    rng = np.random.default_rng(5)
    limit = stability.prove_stability(name, order).limit_x
    scheme = schemes.get(name, order)
    for neuron in random_neurons(rng, 25):
        shortest = min(neuron.tau_mem, neuron.tau_syn)
        if limit == sympy.oo:
            steps = [(shortest * 10 ** rng.uniform(-12, 3), True) for _ in range(4)]
        else:
            inside = [rng.uniform(0.01, 0.999), 10 ** rng.uniform(-12, -1), 0.9999]
            steps = [(shortest * float(limit) * share, True) for share in inside]
            steps += [(shortest * float(limit) * share, False) for share in (1.0001, 10.0, 1e3)]
        for dt, decays in steps:
            final = iterate(scheme.numbers(neuron, dt)[0], 70)  # 2**70 steps: 1e9 time constants at 1e-12 tau
            assert (final < 1e-3) == decays, (neuron, dt, final)


@pytest.mark.parametrize(("name", "order"), SHORT)
def test_random_neurons_keep_their_sign_up_to_the_monotonicity_limit(name, order):
    rng = np.random.default_rng(6)
    limit = stability.prove_monotonicity(name, order).limit_x
    for neuron in random_neurons(rng, 25):
        shortest = min(neuron.tau_mem, neuron.tau_syn)
        top = 1e3 if limit == sympy.oo else float(limit) * 0.9999
        for dt in shortest * np.array([1e-12, top * rng.uniform(), top]):
            assert np.all(np.diag(schemes.get(name, order).numbers(neuron, dt)[0]) >= 0)
        if limit not in (sympy.oo, stability.prove_stability(name, order).limit_x):
            poles = np.diag(schemes.get(name, order).numbers(neuron, shortest * float(limit) * 1.0001)[0])
            assert poles.min() < 0


@pytest.mark.parametrize(("name", "order"), FIXED + [("parker_sochacki", 2)])
def test_jury_conditions_say_what_the_poles_say(name, order):
    conditions = stability.jury_conditions(name, order)
    symbols = (symbolic.delta_t, symbolic.tau_mem, symbolic.tau_syn)
    numbers = sympy.lambdify(symbols, conditions, modules="numpy")
    rng = np.random.default_rng(7)
    for neuron in random_neurons(rng, 200):
        dt = min(neuron.tau_mem, neuron.tau_syn) * 10 ** rng.uniform(-1, 1)
        poles = np.diag(schemes.get(name, order).numbers(neuron, dt)[0])
        jury = all(value > 0 for value in numbers(dt, neuron.tau_mem, neuron.tau_syn))
        assert jury == bool(np.all(np.abs(poles) < 1))


def test_jury_conditions_of_forward_euler_by_hand():
    d, m, s = symbolic.delta_t, symbolic.tau_mem, symbolic.tau_syn
    by_hand = (d**2 / (m * s), (2 - d / m) * (2 - d / s), d / m + d / s - d**2 / (m * s))
    for found, expected in zip(stability.jury_conditions("forward_euler"), by_hand, strict=True):
        assert sympy.simplify(found - expected) == 0


def test_on_the_limit_equal_time_constants_grow_linearly():
    """A double pole on the unit circle: the strict inequality matters."""
    neuron = CubaLIF(0.01, 0.01)
    propagator = schemes.get("forward_euler").numbers(neuron, 0.02)[0]
    voltage = [np.linalg.matrix_power(propagator, n)[0, 1] for n in (10, 20, 40)]
    np.testing.assert_allclose(voltage, [-20, -40, -80])  # n (-1)**(n-1) R dt / tau_mem


@pytest.mark.parametrize(("name", "order"), SHORT)
def test_amplification_factor_on_the_negative_axis_is_the_pole(name, order):
    x = np.array([1e-3, 0.3, 1.7, 6.0])
    factor = stability.amplification_factor(name, -x, order)
    poles = [schemes.get(name, order).numbers(CubaLIF(1.0, 1.0), step)[0][1, 1] for step in x]
    np.testing.assert_allclose(factor.real, poles, rtol=1e-12, atol=1e-12)  # order 12 cancels at x = 6
    assert np.all(factor.imag == 0)


def test_amplification_factor_is_analytic_and_keeps_the_shape():
    z = np.array([[-1 + 2j, 0.5j], [-3.0, 0.0]])
    np.testing.assert_allclose(stability.amplification_factor("backward_euler", z), 1 / (1 - z))
    np.testing.assert_allclose(stability.amplification_factor("bilinear", z), (2 + z) / (2 - z))
    np.testing.assert_allclose(stability.amplification_factor("zoh", z), np.exp(z))
    np.testing.assert_allclose(stability.amplification_factor("parker_sochacki", z, 2), 1 + z + z**2 / 2)
    assert np.isinf(stability.amplification_factor("backward_euler", 1.0))
    assert np.isinf(stability.amplification_factor("bilinear", 2.0))


def test_classes_of_the_textbooks():
    """Hairer and Wanner, IV.3: no explicit scheme is A-stable; the trapezoidal rule is, but is not L-stable."""
    assert dataclasses.astuple(stability.classify("backward_euler"))[1:] == (0, True, True)
    assert dataclasses.astuple(stability.classify("bilinear"))[1:] == (-1, True, False)
    assert dataclasses.astuple(stability.classify("impulse_invariance"))[1:] == (0, True, True)
    for name, order in (("forward_euler", None), ("semi_implicit", None), ("parker_sochacki", 4)):
        found = stability.classify(name, order)
        assert not found.is_a_stable and not found.is_l_stable and abs(found.at_infinity) == sympy.oo


@pytest.mark.parametrize(("name", "order"), SHORT)
def test_a_stability_on_the_imaginary_axis_and_beside_it(name, order):
    """Another method: the modulus at random points of the left half-plane."""
    rng = np.random.default_rng(8)
    z = -(10 ** rng.uniform(-6, 3, 4000)) + 1j * 10 ** rng.uniform(-6, 3, 4000)
    largest = np.abs(stability.amplification_factor(name, z, order)).max()
    assert (largest <= 1) == stability.classify(name, order).is_a_stable


def test_decisions_about_polynomials():
    v = sympy.Symbol("v")
    hurwitz, bounded = stability._is_hurwitz, stability._is_never_negative
    assert hurwitz(sympy.Poly((v + 1) * (v**2 + v + 3), v)) and not hurwitz(sympy.Poly((v - 1) * (v + 2), v))
    assert not hurwitz(
        sympy.Poly(v**3 + v**2 + 2 * v + 8, v)
    )  # all coefficients positive, two roots on the right
    assert bounded(sympy.Poly(v**2 * (v - 1) ** 2, v)) and not bounded(sympy.Poly(v**3 * (v - 1), v))
    assert not bounded(sympy.Poly(-(v**2), v)) and bounded(sympy.Poly(0, v))


def test_a_limit_that_depends_on_an_exponential(monkeypatch):
    """No scheme here has one: 3/2 exp(-x) - 1/2 is positive up to x = ln 3 and never leaves (-1/2, 1)."""
    factors = [
        (3 * sympy.exp(-symbolic.delta_t / tau) - 1) / 2 for tau in (symbolic.tau_mem, symbolic.tau_syn)
    ]
    strange = dataclasses.replace(
        schemes.get("backward_euler"),
        propagator=sympy.ImmutableMatrix.diag(*factors),
        monotonicity_limit=sympy.log(3) * sympy.Min(symbolic.tau_mem, symbolic.tau_syn),
    )
    monkeypatch.setattr(stability.schemes, "get", lambda name, order=None: strange)
    stability._prove.cache_clear()
    assert stability.prove_stability("backward_euler").limit_x == sympy.oo
    proof = stability.prove_monotonicity("backward_euler")
    assert proof.holds and proof.limit_x == sympy.log(3)
    stability._prove.cache_clear()


def test_other_factors_are_refused(monkeypatch):
    strange = dataclasses.replace(
        schemes.get("forward_euler"),
        propagator=sympy.ImmutableMatrix.diag(
            sympy.cos(symbolic.delta_t / symbolic.tau_mem), sympy.exp(-symbolic.delta_t / symbolic.tau_syn)
        ),
    )
    monkeypatch.setattr(stability.schemes, "get", lambda name, order=None: strange)
    stability._prove.cache_clear()
    with pytest.raises(ValueError, match="rational functions of dt/tau"):
        stability.prove_stability("forward_euler")
    with pytest.raises(ValueError, match="A-stability is decided"):
        stability.classify("forward_euler")
    stability._prove.cache_clear()


def test_bad_names_are_named():
    with pytest.raises(ValueError, match="did you mean 'bilinear'"):
        stability.prove_stability("bilinaer")
    with pytest.raises(ValueError, match="needs order"):
        stability.classify("parker_sochacki")
