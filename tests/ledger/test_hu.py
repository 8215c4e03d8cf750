"""Hu (2024): every numbered equation is there, every verdict is computed again, and the checks can tell forms apart."""

import re

import numpy as np
import pytest
import sympy as sp

from snntheory import ledger
from snntheory.ledger import Verdict
from snntheory.ledger.hu import density, frequency, generator, learning, neuron, numerics, step_mean
from snntheory.linear.symbolic import delta_t, resistance, tau_mem, tau_syn

ENTRIES = ledger.entries("hu")


def test_all_forty_equations():
    numbers = {int(found[1]) for e in ENTRIES for found in [re.fullmatch(r"\((\d+)\)", e.label)] if found}
    assert numbers == set(range(1, 41))


@pytest.mark.parametrize(
    "claim",
    [
        "text before (12)",  # energy
        "(13) and (14), input",  # binary spikes times dt
        "text after (17), error",  # the global bound
        "text before (36), coefficients",  # drift and diffusion
        "text, section 2.4, name",  # "delayed"
        "text, section 2.4, threshold",
        "text, section 5, memory",
        "text, section 5, small steps",
    ],
)
def test_claims_of_the_text(claim):
    assert claim in {entry.label for entry in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.label)
def test_verdict(entry):
    finding = entry.check()
    assert finding.verdict is entry.recorded, finding.evidence


def test_the_slip_of_the_time_constant_is_one_slip():
    """(26), (30), (33) and (36) are the only misprints beside (13) and (40)."""
    assert [e.label for e in ENTRIES if e.recorded is Verdict.MISPRINT] == [
        "(13)",
        "(26)",
        "(30)",
        "(33)",
        "(36)",
        "(40)",
    ]


# --- mutations: with another form the check says something else ------------------------------------------------------


def test_another_neuron_is_refuted(monkeypatch):
    """The equations are compared with the model: with the leak of another model they do not reproduce."""
    mutant = sp.Matrix([[-2 / tau_mem, resistance / tau_mem], [0, -1 / tau_syn]])
    monkeypatch.setattr(neuron, "system_matrix", mutant)
    by_label = {entry.label: entry for entry in neuron.ENTRIES}
    assert by_label["(1)"].check().verdict is Verdict.REFUTED
    assert by_label["text after (5)"].check().verdict is Verdict.REFUTED


def test_membrane_residual_tells_a_wrong_solution():
    time = neuron.t
    right = sp.exp(-time / tau_mem)
    assert sp.simplify(neuron.membrane_residual(right, sp.Integer(0))) == 0
    assert sp.simplify(neuron.membrane_residual(sp.exp(-time / tau_syn), sp.Integer(0))) != 0


@pytest.mark.parametrize("module", [step_mean, density])
def test_right_time_constant_in_the_printed_place_holds(monkeypatch, module):
    """The misprint is told by the form, not declared: with R i/tau_m printed the same checks say that it holds."""
    if module is step_mean:
        monkeypatch.setattr(step_mean, "_PRINTED_SLOPE", step_mean._RIGHT_SLOPE)
        labels = ["(26)"]
    else:
        monkeypatch.setattr(density, "_PRINTED", density._RIGHT)
        labels = ["(30)", "(33)", "(36)"]
    by_label = {entry.label: entry for entry in module.ENTRIES}
    assert [by_label[label].check().verdict for label in labels] == [Verdict.HOLDS] * len(labels)


def test_wrong_correction_is_no_misprint(monkeypatch):
    monkeypatch.setattr(density, "_RIGHT", density._PRINTED)
    by_label = {entry.label: entry for entry in density.ENTRIES}
    assert by_label["(30)"].check().verdict is Verdict.REFUTED


def test_scaled_samples_without_the_factor_are_refuted(monkeypatch):
    monkeypatch.setattr(frequency, "_SCALED", frequency._SCALED / delta_t)
    by_label = {entry.label: entry for entry in frequency.ENTRIES}
    assert by_label["(12)"].check().verdict is Verdict.REFUTED


def test_smaller_lipschitz_constant_is_refuted(monkeypatch):
    printed = numerics.lipschitz
    monkeypatch.setattr(numerics, "lipschitz", lambda mem, syn, r: 0.9 * printed(mem, syn, r))
    by_label = {entry.label: entry for entry in numerics.ENTRIES}
    assert by_label["(17)"].check().verdict is Verdict.REFUTED


def test_recursion_without_the_next_spike_is_refuted(monkeypatch):
    printed = learning._recursion
    monkeypatch.setattr(learning, "_recursion", lambda end, times, flag=True: printed(end, times, False))
    by_label = {entry.label: entry for entry in learning.ENTRIES}
    assert by_label["(38)"].check().verdict is Verdict.REFUTED


def test_charge_without_the_jump_has_the_wrong_sign(monkeypatch):
    """Of a spike that comes later: less charge until the end, but (38) summed over later currents says more."""
    by_label = {entry.label: entry for entry in learning.ENTRIES}
    printed = re.search(r"difference: (-?[\d.]+) as printed", by_label["(38)"].check().evidence)
    assert float(printed[1]) < -1
    monkeypatch.setattr(learning, "_charge", lambda end, time: np.exp(-(end - time) / learning._SYN))
    assert by_label["(38)"].check().verdict is Verdict.REFUTED


# --- the helpers, against known results ------------------------------------------------------------------------------


def test_generator_gives_the_mean_equations():
    """d<i>/dt = (lambda w - i)/tau_s and d<u>/dt = (R i - u)/tau_m, from (1) and (4)."""
    expected = (generator.rate * generator.weight - generator.i) / tau_syn
    assert sp.simplify(generator.generator(generator.i) - expected) == 0
    expected = (resistance * generator.i - generator.u) / tau_mem
    assert sp.simplify(generator.generator(generator.u) - expected) == 0


def test_integral_of_the_test_density():
    """exp(-x^T Q x) with Q = [[1, -1/4], [-1/4, 1]] integrates to pi / sqrt(det Q)."""
    assert generator.integral(generator.DENSITY) == pytest.approx(np.pi / np.sqrt(15 / 16), rel=1e-12)


def test_stationary_moments_are_those_of_campbell():
    """Mean R w lambda; variance R^2 w^2 lambda / (2 (tau_m + tau_s))."""
    mean, covariance = density._stationary(1.2 / 0.8)
    assert mean == pytest.approx([1.2 * 0.3 * 5, 0.3 * 5], rel=1e-12)
    assert covariance[0, 0] == pytest.approx(1.44 * 0.09 * 5 / (2 * 1.4), rel=1e-12)
    assert covariance[1, 1] == pytest.approx(0.09 * 5 / (2 * 0.6), rel=1e-12)


def test_simulated_population_has_the_moments():
    voltages = density._free_voltages(20000, 1)
    # four standard errors: sd/sqrt(n) of the mean 0.0034, sqrt(2/n) of the variance 1 %
    assert voltages.mean() == pytest.approx(1.8, abs=4 * 0.0034)
    assert voltages.var() == pytest.approx(0.2314, rel=0.05)


def test_local_order_of_an_exact_step_is_refused():
    with pytest.raises(ValueError, match="agrees"):
        numerics._local_order(numerics.PROPAGATOR)


def test_exact_spikes_are_crossings():
    times = learning._spikes(learning._THRESHOLD)
    assert len(times) > 3
    starts = [0.0, *times[:-1]]
    for start, time in zip(starts, times, strict=True):
        assert learning._free(time - start, start) == pytest.approx(learning._THRESHOLD, abs=1e-12)
