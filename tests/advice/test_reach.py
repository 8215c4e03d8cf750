"""Up to which step a choice keeps its part: runs by hand, and the losses of the answers at those steps."""

import math

import numpy as np
import pytest

from snntheory import CubaLIF, recommend
from snntheory.advice import parts, wording
from snntheory.advice.reach import STEPS, USUAL, Reach, kept_up_to, reach
from snntheory.advice.reach import _late as late
from snntheory.advice.recommendation import records

NEURON = CubaLIF(tau_mem=0.020, tau_syn=0.010)


@pytest.fixture(scope="module")
def found():
    return recommend(NEURON, 3e-3)


def test_runs_by_hand():
    steps, nan = [1.0, 2.0, 4.0, 8.0], math.nan
    for losses, last, first, end in (
        ([0, 0, 0, 0], 8, 0, True),
        ([0, 0.05, 0.06, 0], 2, 0, False),  # at the tolerance it is kept; after a loss nothing counts
        ([0, 0, nan, nan], 2, 0, True),
        ([nan, 0, nan, 0.1], 2, 0, False),
        ([math.inf] * 4, 0, 0, False),
        ([nan] * 4, 0, 0, False),
        ([0.1, 0, 0.1, 0], 2, 2, False),  # of two runs as long the finer
        ([0.1, nan, 0, 0], 8, 4, True),
    ):
        assert kept_up_to(steps, losses, 0.05) == (0 if first else last)
        assert reach(steps, losses, 0.05) == Reach(last, end, first)


def test_losses_change_sides_where_the_answer_says(found):
    tau = NEURON.tau_syn
    tried = np.array(sorted([*(each * tau for each in STEPS), 3e-3]))

    def loss(kind, name, dt):
        made = {
            "scheme": lambda: parts.scheme(NEURON, dt, {name}),
            "placement": lambda: parts.placement(NEURON, dt, 0, {name}),
            "gradient": lambda: parts.gradient(dt / tau, records()),
        }[kind]()
        return next((each.loss for each in made.choices if each.name == name), math.nan)

    for kind in ("scheme", "placement", "gradient"):
        assert set(found.reach[kind]) == {found.best(kind).name, USUAL[kind]}
        for name, (dt, end, first) in found.reach[kind].items():
            coarser = tried[tried > dt * (1 + 1e-9)]
            assert not first and (not dt or loss(kind, name, dt) <= found.tolerance)
            # beyond it there is no measurement, or it loses
            after = loss(kind, name, coarser[0]) if len(coarser) else math.nan
            assert math.isnan(after) if end else after > found.tolerance
    # forward Euler's loss is 0.46 dt / tau_syn, by hand in the chapter
    assert found.reach["scheme"]["forward_euler"].dt == pytest.approx(0.1 * tau)
    assert found.reach["scheme"]["impulse_invariance"] == Reach(pytest.approx(3.2 * tau), True)
    assert "budget" not in found.reach  # one step only


def test_spikes_asked_for_set_the_step_of_late_crossings():
    few, many = (late(NEURON, 1e-3, 0.05, records(), n, 0.1) for n in (5, 50))
    for rule in ("late crossings carried", "late crossings dropped"):
        assert few[rule].dt == pytest.approx(10 * many[rule].dt)
    assert few["late crossings dropped"].dt > 0
    assert late(NEURON, 0.05, 0.05, records(), None, None) == {}  # less than one spike


def test_it_is_said_for_every_part_that_knows(found):
    for text in (str(found), found.listing(), found._repr_html_()):
        assert text.count("kept up to dt = ") + text.count("kept from ") + text.count("kept at no") >= 6
        assert (
            "kept up to dt = 32 ms by impulse_invariance (the coarsest known), up to dt = 1 ms by forward"
            in text
        )
        assert "What a time step costs, and what keeps it" in text
    assert all(
        f"  {word}  " in found.listing() and meaning in found.listing()
        for word, meaning in wording.LEGEND.items()
    )
    said = wording.reached({"a": Reach(0.004, False, 0.001), "none": Reach(0.0, False)})
    assert said == "kept from 1 to 4 ms by a, at no step known by spikes on the grid"
    assert found.to_dict()["parts"]["scheme"]["kept_up_to"]["forward_euler"]["dt"] == pytest.approx(1e-3)


def test_long_simulations_are_not_tried():
    stiff = recommend(CubaLIF(0.2, 2e-4), 5e-4).reach["placement"]  # 8 s: below 0.4 ms more than 20,000 steps
    assert stiff and all(each.dt == 0 or each.dt >= 5e-4 for each in stiff.values())
