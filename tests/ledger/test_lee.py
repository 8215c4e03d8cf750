"""Lee et al. (2023): every numbered equation, every verdict, and forms that the checks tell apart."""

import re
from functools import partial

import mpmath
import pytest

from snntheory import ledger
from snntheory.ledger import Verdict
from snntheory.ledger.event_driven import Membrane
from snntheory.ledger.lee import (
    algorithms,
    differentiability,
    forward_propagation,
    generalisation,
    model,
    proofs,
)

ENTRIES = ledger.entries("lee")
BY_LABEL = {entry.label: entry for entry in ENTRIES}


def test_all_seventeen_equations():
    numbers = {
        int(number)
        for e in ENTRIES
        if re.fullmatch(r"\(\d+\)(, \(\d+\))*", e.label)
        for number in re.findall(r"\d+", e.label)
    }
    assert numbers == set(range(1, 18))


def test_both_algorithms_and_the_theorems_on_gradients():
    words = " ".join(BY_LABEL)
    assert all(
        name in words for name in ("Algorithm 1", "Algorithm 2", *(f"Theorem {n}" for n in (2, 4, 5, 6)))
    )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.label)
def test_verdict(entry):
    finding = entry.check()
    assert finding.verdict is entry.recorded, finding.evidence


# --- forms that the checks refuse ------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["(10)", "Remark 4"])
def test_gradient_without_own_earlier_spikes_is_refuted(monkeypatch, label):
    right = differentiability.firing_time_derivatives
    monkeypatch.setattr(differentiability, "firing_time_derivatives", partial(right, own_spikes=False))
    assert BY_LABEL[label].check().verdict is Verdict.REFUTED


def test_other_slope_of_the_kernel_is_refuted(monkeypatch):
    right = Membrane.kernel_slope
    monkeypatch.setattr(Membrane, "kernel_slope", lambda self, t: right(self, t) * mpmath.mpf("1.000001"))
    for label in ("(6)", "(10)", "Theorem 4 (proof)"):
        assert BY_LABEL[label].check().verdict is Verdict.REFUTED


def test_other_rate_of_the_reset_is_refuted(monkeypatch):
    """With resets that decay with the synapse, the general solver disagrees with (4)."""
    monkeypatch.setattr(
        Membrane, "decay", lambda self, t: mpmath.exp(-self.alpha * t) if t > 0 else mpmath.mpf(0)
    )
    assert BY_LABEL["(4)"].check().verdict is Verdict.REFUTED
    assert BY_LABEL["(12), (13)"].check().verdict is Verdict.REFUTED


def test_kernel_of_the_other_sign_is_refuted(monkeypatch):
    monkeypatch.setattr(model, "_kernel", -model._kernel)
    assert BY_LABEL["(2)"].check().verdict is Verdict.REFUTED
    assert BY_LABEL["footnote 1"].check().verdict is Verdict.REFUTED


@pytest.mark.parametrize("broken", ["keep_membrane", "relative_time", "repeat"])
def test_algorithm_with_a_second_wrong_line_is_refuted(monkeypatch, broken):
    """The corrected form must pass: with another line wrong in it the verdict is not a misprint of this one."""
    right = algorithms.firing_times
    monkeypatch.setattr(
        algorithms, "firing_times", lambda seed, **lines: right(seed, **(lines | {broken: False}))
    )
    assert BY_LABEL["Algorithm 1 (membrane after a spike)"].check().verdict is Verdict.REFUTED


def test_algorithm_without_the_bound_of_the_next_input_differs():
    with mpmath.workdps(20):
        found = [algorithms.firing_times(seed, before_next_input=False) for seed in range(3)]
        assert not all(algorithms.matches(seed, times) for seed, times in enumerate(found))


def test_times_of_another_chain_fit_neither_form(monkeypatch):
    network, times = proofs.chain()
    monkeypatch.setattr(proofs, "chain", lambda: (network, {name: 1.1 * t for name, t in times.items()}))
    assert BY_LABEL["text, section 7.3 (second and third neuron)"].check().verdict is Verdict.REFUTED
    assert BY_LABEL["text, section 7.3 (first neuron)"].check().verdict is Verdict.REFUTED


@pytest.mark.parametrize("label", ["text, section 3.3 (kernel)", "(11)"])
def test_without_resets_the_misprints_do_no_harm(monkeypatch, label):
    """Before the second spike there is nothing to decay: the checks see numbers, not letters."""
    right = generalisation.single
    monkeypatch.setattr(generalisation, "single", lambda seed: (*right(seed)[:3], right(seed)[3][:1]))
    assert BY_LABEL[label].check().verdict is Verdict.HOLDS


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_forward_and_reverse_give_one_gradient():
    with mpmath.workdps(30):
        network = forward_propagation.recurrent(1)
        fired = network.fire()
        by_time = [mpmath.mpf(k + 1) for k in range(len(fired))]
        forward, operations = forward_propagation.firing_time_derivatives(network, fired)
        reverse, _ = forward_propagation.reverse_gradient(network, fired, by_time)
        for edge, column in forward.items():
            assert abs(reverse[edge] - sum(a * b for a, b in zip(by_time, column, strict=True))) < 1e-25
    assert operations == len(network.weights) * len(fired) * (len(fired) + 1) // 2


def test_one_spike_by_hand():
    """One input, one spike: df/dw = -h(f) / (w h'(f))."""
    with mpmath.workdps(30):
        network, _ = differentiability.grazing(mpmath.mpf("0.3"))
        fired = network.fire()
        w, f = network.weights[-1, 0], fired[0].time
        expected = -network.membrane.kernel(f) / (w * network.membrane.kernel_slope(f))
        derivative = forward_propagation.firing_time_derivatives(network, fired)[0][-1, 0][0]
        assert abs(derivative / expected - 1) < 1e-25


def test_chain_fires_three_two_and_one_times():
    with mpmath.workdps(25):
        _, times = proofs.chain()
    assert sorted(times) == ["1,1", "1,2", "1,3", "2,1", "2,2", "3,1"]
    assert times["1,1"] < times["2,1"] < times["1,2"] < times["1,3"] < times["2,2"] < times["3,1"]
