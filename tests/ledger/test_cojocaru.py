"""Cojocaru (2024): every numbered equation, every verdict, and forms that the checks tell apart."""

import re
from fractions import Fraction
from math import ceil

import mpmath
import numpy as np
import pytest
import sympy as sp

from snntheory import ledger
from snntheory.ledger import Verdict
from snntheory.ledger.cojocaru import backpropagation, closed_form, neuron, settings, time_grid
from snntheory.ledger.event_driven import Spike, spikes

ENTRIES = ledger.entries("cojocaru")
BY_LABEL = {entry.label: entry for entry in ENTRIES}


def test_all_sixteen_equations():
    numbers = {int(found[1]) for e in ENTRIES for found in [re.fullmatch(r"\((\d+)\)", e.label)] if found}
    assert numbers == set(range(1, 17))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.label)
def test_verdict(entry):
    finding = entry.check()
    assert finding.verdict is entry.recorded, finding.evidence


# --- closed form -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_closed_form_gives_the_spikes_of_the_reference(seed):
    with mpmath.workdps(25):
        cell, inputs, weights = neuron.example(seed, 9)
        arrivals = [(s.time, weights[s.neuron, 0]) for s in inputs]
        found = closed_form.crossings(arrivals, cell.theta, mpmath.mpf("0.3"))
        exact = spikes(cell, weights, inputs, mpmath.mpf("0.3"))
        assert len(found) == len(exact) > 0
        assert max(abs(a.t - b.time) for a, b in zip(found, exact, strict=True)) < 1e-22


def test_no_candidate_where_the_peak_stays_below_threshold():
    with mpmath.workdps(20):
        sums = closed_form.Sums(mpmath.mpf("0.2"), mpmath.mpf("0.26"))
        sums.receive(mpmath.mpf(0), mpmath.mpf(3))  # peak: 3 tau/4 = 0.195
        assert sums.candidate() is None
        sums.receive(mpmath.mpf(0), mpmath.mpf("0.1"))
        assert sums.candidate() is not None


# --- forms that the checks refuse ------------------------------------------------------------------------------------


def test_later_root_is_not_the_spike(monkeypatch):
    def other(self):
        square = self.b**2 - 4 * self.a * self.c
        if square < 0:
            return None
        x = mpmath.sqrt(square)
        inside = 2 * self.a / (self.b - x)
        return closed_form.Crossing(self.tau * mpmath.log(inside), self.a, self.b, x) if inside > 0 else None

    monkeypatch.setattr(closed_form.Sums, "candidate", other)
    assert BY_LABEL["(8)"].check().verdict is Verdict.REFUTED


@pytest.mark.parametrize("label", ["(11)", "(12)", "(13)"])
def test_sign_of_h_as_defined_is_refuted(monkeypatch, label):
    """h := dt/db = -tau/x, inserted into (12) as it stands."""
    right = closed_form.derivatives
    wrong = lambda crossing, theta: (right(crossing, theta)[0], -right(crossing, theta)[1])  # noqa: E731
    monkeypatch.setattr(backpropagation, "derivatives", wrong)
    if label == "(12)":
        with mpmath.workdps(30):
            network = backpropagation.sample(4)
            gradient = backpropagation.backward(network)
            assert backpropagation.disagreement(gradient, backpropagation.finite_differences(network)) > 0.1
    assert BY_LABEL[label].check().verdict is Verdict.REFUTED


def test_other_derivative_of_a_neurons_own_reset_is_refuted(monkeypatch):
    right = backpropagation.own_derivative
    monkeypatch.setattr(backpropagation, "own_derivative", lambda crossing, t: -right(crossing, t))
    assert BY_LABEL["(11)"].check().verdict is Verdict.REFUTED


def test_derivative_without_the_effect_on_x_is_refuted(monkeypatch):
    monkeypatch.setattr(backpropagation, "_time", backpropagation._tau * sp.log(2 * backpropagation._a))
    assert BY_LABEL["text, section 2.3 (f)"].check().verdict is Verdict.REFUTED
    assert BY_LABEL["text, section 2.3 (h)"].check().verdict is Verdict.REFUTED


def test_kernel_with_another_factor_is_refuted(monkeypatch):
    monkeypatch.setattr(neuron, "_epsilon", neuron._epsilon / neuron._tau)
    assert BY_LABEL["(5)"].check().verdict is Verdict.REFUTED
    assert BY_LABEL["text, section 2.2"].check().verdict is Verdict.REFUTED


def test_reset_of_another_size_is_refuted(monkeypatch):
    monkeypatch.setattr(neuron, "_eta", neuron._eta / 2)
    assert BY_LABEL["(6)"].check().verdict is Verdict.REFUTED


def test_ceiling_would_hold(monkeypatch):
    monkeypatch.setattr(time_grid, "rounded", lambda t, dt: ceil(t / dt) * dt)
    assert BY_LABEL["(14)"].check().verdict is Verdict.HOLDS


def test_identity_would_make_the_derivative_one(monkeypatch):
    monkeypatch.setattr(time_grid, "rounded", lambda t, dt: t)
    assert BY_LABEL["(15)"].check().verdict is Verdict.HOLDS
    assert BY_LABEL["text, section 3.1"].check().verdict is Verdict.REFUTED


def test_agreeing_tables_hold(monkeypatch):
    monkeypatch.setattr(settings, "TABLE", settings.TEXT | {"EMNIST": settings.TEXT["EMNIST"]})
    for label in ("Table 1 (thresholds)", "Table 1 (learning rate)"):
        assert BY_LABEL[label].check().verdict is Verdict.HOLDS


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_rounding_in_exact_arithmetic():
    dt = Fraction(1, 100)
    assert time_grid.rounded(Fraction(0), dt) == dt
    assert time_grid.rounded(Fraction(1, 100), dt) == Fraction(2, 100)
    assert time_grid.rounded(Fraction(11, 1000), dt) == Fraction(2, 100)


def test_share_that_lands_late():
    """Powers of two are exact in float32: all multiples move a step on; none does that lies a rounding below."""
    times = (np.arange(64) / 1024).astype(np.float32)
    assert time_grid.late_share(times, np.float32(1 / 1024)) == 1.0
    assert time_grid.late_share(times[1:] * np.float32(1 - 1e-6), np.float32(1 / 1024)) == 0.0


def test_search_from_the_rounded_time_loses_spikes():
    arrivals, theta, end = [(mpmath.mpf("0.001"), mpmath.mpf(60))], mpmath.mpf("0.2"), mpmath.mpf("0.2")
    every = closed_form.crossings(arrivals, theta, end)
    fine = closed_form.crossings(arrivals, theta, end, search_from=mpmath.mpf("1e-6"))
    coarse = closed_form.crossings(arrivals, theta, end, search_from=mpmath.mpf("0.01"))
    assert len(fine) == len(every) > len(coarse) >= 1


def test_silent_hidden_layer_sends_nothing():
    """No threshold is reached at 100; at 1e-3 every neuron of both layers fires."""
    assert settings.first_activity(100.0, 100.0, images=1) == (0.0, 0.0)
    hidden, output = settings.first_activity(1e-3, 1e-3, images=1)
    assert hidden > 400
    assert output > 5


def test_first_activity_counts_the_spikes_of_the_reference():
    """The counts on a grid of 1 ms against exact spike times, for a small share of the same hidden layer."""
    rng = np.random.default_rng(1)
    first = rng.uniform(-1, 1, (784, 800))
    rng.uniform(-1, 1, (800, 10))
    lit = rng.choice(784, 150, replace=False)
    level = np.where(rng.random(150) < 0.3, 1.0, rng.random(150))
    times = 0.1 * (1 - level)
    with mpmath.workdps(15):
        cell = closed_form.membrane("0.2")
        inputs = [Spike(mpmath.mpf(float(t)), -1 - i) for i, t in enumerate(times)]
        counts = []
        for j in range(40):
            weights = {(-1 - i, 0): float(first[pixel, j]) for i, pixel in enumerate(lit)}
            counts.append(len(spikes(cell, weights, inputs, mpmath.mpf("0.2"))))
    grid, _ = settings.first_activity(0.2, 1.3, images=1)
    spread = 4 * np.std(counts) / np.sqrt(len(counts))  # four standard errors of a sample of 40 of the 800
    assert grid / 800 == pytest.approx(np.mean(counts), abs=spread)
