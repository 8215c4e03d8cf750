"""The chain with threshold: backends, reset rules against the frameworks' own loop, rates against other methods."""

import numpy as np
import pytest

from snntheory import CubaLIF, discretize
from snntheory.linear import frameworks
from snntheory.population import (
    chain_rate,
    diffusion_chain_rate,
    free_moments,
    stationary_density,
    transfer_operator,
)
from snntheory.population.markov import ResetRule, run_chain

NEURON = CubaLIF(0.020, 0.005, v_threshold=20.0, v_reset=0.0, reset="to_value")
RULES = [
    ResetRule("to_value", 1.0, 0.2),
    ResetRule("subtract", 1.0, 0.0),
    ResetRule("to_value", 1.0, 0.2, "next"),
    ResetRule("to_value", 1.0, 0.2, "next", 0, True),
    ResetRule("subtract", 1.0, 0.0, "next"),
    ResetRule("to_value", 1.0, 0.2, "same", 3),
]


def run(rule, backend, seed=1, n=20, steps=300):
    rng = np.random.default_rng(seed)
    kicks = rng.normal(0.08, 0.1, (2, n, steps))
    u, i, state = np.zeros(n), np.zeros(n), np.zeros(n, dtype=np.int64)
    matrix = np.array([[0.9, 0.1], [0.0, 0.8]])
    pieces = [
        run_chain(matrix, kicks[0][:, part], kicks[1][:, part], rule, u, i, state, backend)
        for part in (slice(0, 100), slice(100, None))
    ]
    return sum(pieces), u, i


@pytest.mark.parametrize("rule", RULES)
def test_both_backends_give_the_same_numbers(rule):
    pytest.importorskip("numba")
    for one, other in zip(run(rule, "numba"), run(rule, "reference"), strict=True):
        np.testing.assert_array_equal(one, other)
    assert run(rule, "numba")[0].sum() > 50


@pytest.mark.parametrize(
    ("name", "reset"),
    [
        ("snntorch.Synaptic", "subtract"),
        ("snntorch.Synaptic", "to_value"),
        ("norse.LIFCell", "to_value"),
        ("spikingjelly.CUBALIFNode", "subtract"),
        ("tssl_bp", "to_value"),
    ],
)
def test_the_rules_are_the_frameworks(name, reset):
    framework = frameworks.get(name)
    neuron = CubaLIF(0.020, 0.010, reset=reset)
    typed = framework.parameters_for(neuron, 0.001, "exact")
    model = framework.discretize(neuron, 0.001, "exact")
    drive = np.random.default_rng(3).poisson(0.5, (4, 500)) * 0.004 * typed.weight_gain
    _, _, spikes = frameworks.simulate(framework, typed.values, 0.001, drive, reset=reset)
    rule = ResetRule.of(neuron, 0.001, 0.0, framework.reset.step, framework.reset.drops_input)
    state = np.zeros(4), np.zeros(4), np.zeros(4, dtype=np.int64)
    counts = run_chain(model.A, model.b[0] * drive, model.b[1] * drive, rule, *state)
    np.testing.assert_array_equal(counts, spikes.sum(axis=1))
    assert counts.min() > 3


def test_exact_diffusion_looked_at_often_has_the_densitys_rate():
    rates = [stationary_density(NEURON, 20.0, 5.0, n, n // 4).rate for n in (120, 240)]
    found = diffusion_chain_rate(
        NEURON, 20.0, 5.0, 5e-5, n_neurons=1500, t_max=1.5, settle=0.2, rng=np.random.default_rng(2)
    )
    # looks every tau_syn/100 miss of the order of a percent
    assert found.rate == pytest.approx(
        (4 * rates[1] - rates[0]) / 3, abs=4 * found.standard_error + 0.02 * rates[1]
    )
    assert found.standard_error < 0.02 * found.rate
    grid = stationary_density(NEURON, 20.0, 5.0, 120, 30)
    mean = grid.masses.sum(axis=1) @ grid.u
    assert found.voltage.mean() == pytest.approx(mean, abs=4 * found.voltage.std() / np.sqrt(1500))


def test_without_synapse_it_is_the_transfer_operator():
    # a synapse so short that it forgets within a step: forward Euler's kick reaches u one step later, nothing else
    short = CubaLIF(0.020, 0.001, v_threshold=20.0, v_reset=0.0, reset="to_value")
    model = discretize(short, 0.001, "forward_euler")
    assert model.A[1, 1] == 0
    weight = 25 * 0.020 / 15
    found = chain_rate(
        model,
        15 / weight,
        weight,
        arrivals="gaussian",
        n_neurons=1500,
        t_max=4.0,
        rng=np.random.default_rng(4),
    )
    expected = transfer_operator(15, 5, 0, 20, 0.020, 0.001, form="forward_euler").rate
    assert found.rate == pytest.approx(expected, abs=4 * found.standard_error)
    assert found.standard_error < 0.02 * expected


def test_arrivals_and_refractory_time():
    model = discretize(NEURON, 0.001, "impulse_invariance")
    common = dict(n_neurons=400, t_max=4.0)
    weight, rate = 1 / 30, 450.0
    one = {
        kind: chain_rate(model, rate, weight, arrivals=kind, rng=np.random.default_rng(5), **common)
        for kind in ("poisson", "bernoulli", "gaussian")
    }
    # at most one a step halves the variance; the Gaussian has no skewness
    assert one["bernoulli"].rate < one["gaussian"].rate < one["poisson"].rate
    held = chain_rate(model, rate, weight, tau_ref=0.2, rng=np.random.default_rng(5), **common)
    assert held.rate < 1 / 0.2
    assert held.rate == pytest.approx(
        1 / (1 / one["poisson"].rate + 0.2), rel=0.15
    )  # i has relaxed meanwhile


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(n_neurons=1), "n_neurons must be at least 2"),
        (dict(arrivals="regular"), "arrivals must be one of"),
        (dict(tau_ref=0.0005), "whole number of steps"),
        (dict(tau_ref=0.001, reset_step="next"), "tau_ref must be 0"),
        (dict(backend="fortran"), "backend must be one of"),
        (dict(arrivals="bernoulli", rate=2000.0), "rate \\* dt must be at most 1"),
    ],
)
def test_bad_input(options, message):
    model = discretize(NEURON, 0.001, "impulse_invariance")
    call = dict(n_neurons=10, t_max=0.1, rng=np.random.default_rng(0)) | options
    with pytest.raises(ValueError, match=message):
        chain_rate(model, call.pop("rate", 450.0), 1 / 30, **call)


def test_a_neuron_without_reset_has_no_rate():
    model = discretize(CubaLIF(0.02, 0.01, reset="none"), 0.001, "zoh")
    with pytest.raises(ValueError, match="must have a reset"):
        chain_rate(model, 1.0, 1.0, rng=np.random.default_rng(0))


def test_exact_diffusion_has_the_free_moments_whatever_the_step():
    high = CubaLIF(0.020, 0.005, v_threshold=1e3, v_reset=0.0, reset="to_value")
    found = diffusion_chain_rate(
        high, 15.0, 5.0, 0.02, n_neurons=20_000, t_max=0.02, rng=np.random.default_rng(8)
    )
    _, expected = free_moments(high, 450.0, 1 / 30)  # the same mean and noise
    # scatter of a variance: sqrt(2/n) = 1 %
    np.testing.assert_allclose(np.cov(found.voltage, found.current), expected, rtol=0.04)
    assert found.voltage.mean() == pytest.approx(15.0, abs=4 * np.sqrt(expected[0, 0] / 20_000))
