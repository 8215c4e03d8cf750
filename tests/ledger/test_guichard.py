"""Guichard (2024): every claim of the poster, and the small simulation behind the checks against known results."""

import math

import numpy as np
import pytest
from scipy.linalg import expm

from snntheory import ledger
from snntheory.ledger import Verdict, guichard

ENTRIES = ledger.entries("guichard")
BY_LABEL = {entry.label: entry for entry in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.label)
def test_verdict(entry):
    finding = entry.check()
    assert finding.verdict is entry.recorded, finding.evidence


@pytest.mark.parametrize("claim", ["threshold", "intermediate point", "sparser", "large time steps"])
def test_claims_of_the_poster(claim):
    assert any(claim in entry.title for entry in ENTRIES)


def test_series_is_the_matrix_exponential_in_the_limit():
    state = np.array([0.2, 3.0, 0.5])
    exact = expm(0.05 * guichard._MATRIX) @ state
    np.testing.assert_allclose(guichard._advance(state, 0.05, 25), exact, rtol=1e-13)


@pytest.mark.parametrize("dt", [0.05, 0.01])
def test_spikes_under_constant_drive(dt):
    """From 0 the threshold 1 is reached every tau ln(d/(d - 1)); the root of a long series is exact."""
    times, largest = guichard._simulate(np.array([0.0, 0.0, 3.0]), round(2 / dt), dt, 12, "root")
    interval = 0.26 * math.log(1.5)
    np.testing.assert_allclose(times, interval * np.arange(1, len(times) + 1), rtol=1e-9)
    assert len(times) == int(2 / interval)
    assert largest <= 1 + 1e-12


def test_spikes_on_the_grid_lie_on_the_grid():
    times, _ = guichard._simulate(np.array([0.0, 0.0, 3.0]), 50, 0.04, 5, "grid")
    np.testing.assert_allclose(np.array(times) / 0.04, np.round(np.array(times) / 0.04), atol=1e-9)


def test_closed_form_gradient_is_that_of_an_exact_neuron():
    """With the root of a long series the numerical spike time is exact, and so is its derivative."""
    weights = np.array([0.2, 0.25, 0.3])
    time = guichard._first_spike(weights, 0.02, 12, "root")
    h = 1e-6
    measured = [
        (
            guichard._first_spike(weights + h * unit, 0.02, 12, "root")
            - guichard._first_spike(weights - h * unit, 0.02, 12, "root")
        )
        / (2 * h)
        for unit in np.eye(3)
    ]
    # central differences: h^2 and rounding/h, both near 1e-9
    np.testing.assert_allclose(guichard._closed_form_gradient(weights, time), measured, rtol=1e-6, atol=1e-8)


def test_one_spike_a_step_is_told_from_all(monkeypatch):
    """Were one crossing a step enough, figure 1 would hold without a condition."""
    simulate = guichard._simulate

    def as_if(start, steps, dt, order, method, most=100):
        return simulate(start, steps, dt, order, method)

    monkeypatch.setattr(guichard, "_simulate", as_if)
    assert BY_LABEL["figure 1"].check().verdict is Verdict.HOLDS


def test_exact_propagator_has_no_intermediate_point(monkeypatch):
    """With an exact step the claim of figure 2 is refuted."""
    monkeypatch.setattr(
        guichard, "_advance", lambda state, step, order: expm(step * guichard._MATRIX) @ state
    )
    assert BY_LABEL["figure 2"].check().verdict is Verdict.REFUTED
