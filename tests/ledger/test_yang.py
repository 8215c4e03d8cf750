"""Yang (2020): every numbered equation, every verdict, and forms that the checks tell apart."""

import re

import numpy as np
import pytest

from snntheory import ledger
from snntheory.ledger import Verdict, yang

ENTRIES = ledger.entries("yang")
BY_LABEL = {entry.label: entry for entry in ENTRIES}


def test_all_ten_equations():
    numbers = {int(found[1]) for e in ENTRIES for found in [re.fullmatch(r"\((\d+)\)", e.label)] if found}
    assert numbers == set(range(1, 11))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.label)
def test_verdict(entry):
    finding = entry.check()
    assert finding.verdict is entry.recorded, finding.evidence


def test_gradient_without_the_reset_term_is_refuted(monkeypatch):
    """The term of (8) is what makes (7) the gradient."""
    full = yang._gradient
    monkeypatch.setattr(yang, "_gradient", lambda with_reset=True: full(False))
    assert BY_LABEL["(7)"].check().verdict is Verdict.REFUTED


def test_other_sign_of_the_reset_term_is_refuted(monkeypatch):
    def factor(u, with_reset=True):
        kept, slope = 1 - yang._smooth(u - 1), yang._smooth_slope(u - 1)
        return (1 - 1 / yang._MEM) * (kept + u * slope)

    monkeypatch.setattr(yang, "_factor", factor)
    assert BY_LABEL["(7)"].check().verdict is Verdict.REFUTED


def test_layer_index_is_told_by_the_voltages(monkeypatch):
    """With both readings driven by the right trace, (4) would hold."""
    layers = yang._three_layers
    monkeypatch.setattr(yang, "_three_layers", lambda index, substituted: layers(1, substituted))
    assert BY_LABEL["(4)"].check().verdict is Verdict.HOLDS


def test_smooth_step_and_its_slope():
    u = np.linspace(-1, 1, 7)
    np.testing.assert_allclose(yang._smooth(u), 1 / (1 + np.exp(-u / 0.3)), rtol=1e-14)
    h = 1e-5  # central difference: error of order h^2
    slope = (yang._smooth(u + h) - yang._smooth(u - h)) / (2 * h)
    np.testing.assert_allclose(yang._smooth_slope(u), slope, rtol=1e-8)


def test_boundary_of_the_recursive_factor():
    """At U = theta the factor is (1 - 1/tau)(1/2 - theta/(4 T)): a lower bound of the largest one."""
    for slope in (0.05, 0.1, 0.2):
        assert yang._largest_factor(slope) >= abs((5 / 6) * (0.5 - 1 / (4 * slope)))
    assert yang._largest_factor(0.3) < 1 < yang._largest_factor(0.15)
