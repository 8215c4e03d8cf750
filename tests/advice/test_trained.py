"""Losses of trained networks: from artefacts with numbers that are known, and against the experiments' own code."""

import math

import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, artefacts, recommend
from snntheory.advice import NotMeasured, costs, parts, trained
from snntheory.advice.evidence import Recorded, recorded
from snntheory.advice.recommendation import records

NEURON = CubaLIF(tau_mem=0.020, tau_syn=0.010)
WIDTH = trained.TAU_SYN * -math.expm1(-0.2 / trained.TAU_SYN)
"""Of one arrival at time zero in a window of 0.2 s, integrated by hand."""


def unit(demand):
    """The step that makes a demand, and 15 spikes."""
    return demand * WIDTH / 15


def settings(**changes):
    return {"data": "digits", "hidden": [20], "seeds": [0], "time_steps": [0.0]} | changes


def collapse(seeds=(0,)):
    """As of the experiment: continuous, dropped and carried at a demand of one; one arrival at the true output."""
    rows = [("continuous", 0.0, 0.9), ("as published", unit(1.0), 0.5), ("carried", unit(1.0), 0.88)]
    rows += [("clean", unit(1.0), 0.1)]
    cases = [(name, dt, seed, value - 0.1 * (seed > 0)) for seed in seeds for name, dt, value in rows]
    names, dt, seed, accuracy = (np.array(column) for column in zip(*cases, strict=True))
    return xr.Dataset(
        {
            "test_accuracy": ("case", accuracy),
            "true_count": (("case", "late"), np.zeros((len(cases), 2))),
            "weights_continuous": (("hidden", "output"), np.array([[0.0, 2.0], [0.0, 9.0]])),
            "sent_continuous": ("spike", [0.0, 0.15]),
        },
        {
            "condition": ("case", names),
            "dt": ("case", dt),
            "seed": ("case", seed),
            "late": ["as trained", "carry"],
            "time": [0.0, 0.2],
            "layer_continuous": ("spike", [1, 2]),
            "neuron_continuous": ("spike", [0, 1]),
        },
        {"label": 1},
    )


def sweep():
    """Two seeds, of which the second has lost more."""
    dt = np.array([0.0, unit(0.5), unit(2.0), 0.0, unit(0.5), unit(2.0)])
    return xr.Dataset(
        {"test_accuracy": ("run", [0.9, 0.9, 0.1, 0.8, 0.76, 0.0])},
        {"dt": ("run", dt), "seed": ("run", [0, 0, 0, 1, 1, 1])},
    )


def fashion():
    return xr.Dataset(
        {"test_accuracy": ("run", [0.8, 0.7, 0.79])},
        {"dt": ("run", [0.0, unit(0.5), unit(0.5)]), "late": ("run", ["drop", "drop", "carry"]), "seed": 0},
    )


def record(name, data, facts):
    return Recorded(name, data, name[0] * 64, facts)


@pytest.fixture
def three():
    return [
        record(trained.CAUSE, collapse(), {"sweep": settings()}),
        record(trained.SWEEP, sweep(), settings(seeds=[0, 1])),
        record(trained.FASHION, fashion(), {"sweep": settings(data="clothes")}),
    ]


def test_the_width_of_a_drive_by_hand():
    assert trained.drive_width([0.0], [3.0], 10.0, 0.01) == pytest.approx(0.01, rel=1e-12)
    # two equal arrivals tau_syn apart: peak 1 + 1/e, area 2 tau_syn; their order in the list does not matter
    assert trained.drive_width([0.02, 0.01], [1.0, 1.0], 10.0, 0.01) == pytest.approx(
        0.02 / (1 + math.exp(-1)), rel=1e-12
    )
    # what is negative does not count: inhibition that wins ends the drive
    ended = trained.drive_width([0.0, 0.01], [1.0, -1.0], 10.0, 0.01)
    assert ended == pytest.approx(0.01 * (1 - math.exp(-1)), rel=1e-12)
    with pytest.raises(NotMeasured, match="driven nowhere"):
        trained.drive_width([0.0], [-1.0], 1.0, 0.01)


def test_the_recorded_width_and_constants_are_the_experiments():
    experiment = pytest.importorskip("snntheory.experiments.collapse")
    from snntheory.experiments import step_size_accuracy, time_step_sweep, yin_yang

    found = recorded(trained.CAUSE)
    spikes = experiment.recorded_raster(found.data, "continuous")
    arriving = experiment.arrivals_at(spikes, found.data["weights_continuous"], found.data.attrs["label"])
    # the experiment integrates on 2001 points of 0.1 ms with a jump at every arrival: half a point of each at most
    assert trained.recorded_width(found) == pytest.approx(experiment.width_of_drive(*arriving), rel=5e-3)
    assert time_step_sweep.Training(0.0).target == trained.ASKED
    assert time_step_sweep.TAU_SYN == trained.TAU_SYN
    assert set(trained.RULES) <= set(experiment.CHANGES)
    assert set(trained.CONDITIONS) <= set(step_size_accuracy.CONDITIONS)
    task = yin_yang.Settings()
    neuron, step = task.cell.neuron(), task.last / task.surrogate_steps
    given = artefacts.provenance(trained.BUDGET)["settings"]["task"]
    assert trained._surrogate_step(given) == pytest.approx(
        step / min(neuron.tau_mem, neuron.tau_syn), rel=1e-9
    )


def test_curves_pool_tasks_rules_and_seeds(three):
    curves = {(each.task, each.rule): each for each in trained.late_curves(three)}
    assert set(curves) == {
        ("digits", "drop"),
        ("digits", "carry"),
        ("clothes", "drop"),
        ("clothes", "carry"),
    }
    dropped = curves["digits", "drop"]  # the same task in two artefacts; "clean" is neither rule
    assert dropped.demand == pytest.approx([0, 0.5, 1, 2])
    assert dropped.loss == pytest.approx([0, 0.02, 0.4, 0.8])  # paired by seed: (0 + 0.04)/2, (0.8 + 0.8)/2
    assert dropped.n_seeds == 1 and np.isnan(dropped.spread).all()
    assert curves["digits", "carry"].loss == pytest.approx([0, 0.02])
    assert curves["clothes", "carry"].at(0.25) == pytest.approx((0.005, math.nan), nan_ok=True)
    assert math.isnan(curves["clothes", "carry"].at(0.6)[0])
    alone = trained.late_curves([three[0], None, None])
    assert [each.task for each in alone] == ["digits", "digits"]
    assert trained.late_curves([None, three[1], three[2]]) == []  # nobody knows W


def test_seeds_give_a_spread_in_either_layout(three):
    seeds = (0, 1, 2)
    facts = {"sweep": settings()}
    by_case = trained.late_curves([record(trained.CAUSE, collapse(seeds), facts)])
    assert {each.n_seeds for each in by_case} == {3}
    # all seeds lose the same, so there is no spread
    assert by_case[0].spread == pytest.approx([0, 0], abs=1e-12)
    one, data = collapse(), collapse((0,)).drop_vars("seed")
    stacked = xr.concat([data["test_accuracy"] - 0.05 * k for k in seeds], xr.Variable("seed", list(seeds)))
    stacked[2, 1] -= 0.3  # the published rule, once
    data["test_accuracy"] = stacked.transpose("case", "seed")
    curves = {each.rule: each for each in trained.late_curves([record(trained.CAUSE, data, facts)])}
    assert curves["drop"].loss[-1] == pytest.approx(0.5) and curves["drop"].n_seeds == 3
    assert curves["drop"].spread[-1] == pytest.approx(0.3 / math.sqrt(3))
    assert one["seed"].values.tolist() == [0, 0, 0, 0]


def test_losses_at_a_demand_are_of_the_worst_task(three):
    curves = trained.late_curves(three)
    at_half = {each.choice: each for each in trained.late_losses(curves, 0.5)}
    assert at_half["late crossings dropped"].accuracy_loss == pytest.approx(0.1)
    assert at_half["late crossings dropped"].by_task == pytest.approx({"digits": 0.02, "clothes": 0.1})
    assert at_half["late crossings carried"].accuracy_loss == pytest.approx(0.01)
    assert [each.choice for each in trained.late_losses(curves, 2.0)] == ["late crossings dropped"]
    for demand in (1.5, 2.5):  # between 1 and 2 lies a cliff, of 0.4
        with pytest.raises(
            NotMeasured, match=f"spikes dt/W = {demand} was not measured: recorded are 0, 0.5, 1, 2;"
        ):
            trained.late_losses(curves, demand)
    assert trained.compared_demand(curves) == pytest.approx(0.5)
    # clothes lose 0.05 at 0.25; digits lose 0.4 between 0.5 and 1
    assert trained.safe_demand(curves, "drop", 0.05) == pytest.approx(0.25)
    assert trained.safe_demand(curves[:2], "drop", 0.21) == pytest.approx(0.75)
    assert trained.safe_demand(curves[:2], "drop", 0.9) == pytest.approx(2.0)


def test_a_cliff_between_two_far_points_is_no_line(three):
    alone = trained.late_curves([three[0], None, None])  # dropped: 0 at 0, 0.4 at 1; carried: 0.02 at 1
    assert math.isnan(alone[0].at(0.5)[0]) and alone[0].at(1.0)[0] == pytest.approx(0.4)
    assert alone[1].at(0.5)[0] == pytest.approx(0.01)  # far, but flat
    assert [each.choice for each in trained.late_losses(alone, 0.5)] == ["late crossings carried"]
    assert trained.safe_demand(alone, "drop", 0.05) == 0.0  # what is known to be kept
    other = alone[0]._replace(task="other", demand=np.array([0, 0.6, 1.0]), loss=np.array([0, 0, 0.4]))
    assert trained.safe_demand([*alone, other], "drop", 0.1) == pytest.approx(0.7)  # the finer curve knows
    kept = other._replace(demand=np.array([0, 0.6, 2.0]), loss=np.zeros(3))  # but the first loses 0.4 at 1
    assert trained.safe_demand([*alone, kept], "drop", 0.1) == 0.0


def test_clocked_networks_against_the_best_step():
    accuracy = np.full((2, 3, 2, 2), np.nan)
    accuracy[0] = [[[0.5, 0.7], [0.8, 1.0]], [[0.4, 0.6], [0.2, 0.4]], [[0.9, 0.9], [0.9, 0.9]]]
    data = xr.Dataset(
        {"accuracy": (("gradient", "condition", "dt", "seed"), accuracy)},
        {"gradient": ["surrogate", "timing"], "condition": ["none", "scheme", "all"], "dt": [0.1, 0.4]},
    )
    found = record(trained.CLOCKED, data, {"neuron": {"tau_syn": 0.5}})
    exact, backward = trained.clocked_losses(found, 0.2)
    assert (exact.choice, backward.choice) == ("impulse_invariance", "backward_euler")
    assert exact.accuracy_loss == pytest.approx(0.3) and backward.accuracy_loss == pytest.approx(0.4)
    assert exact.n_seeds == 2 and exact.spread == pytest.approx(0.2 / math.sqrt(2))
    middle = trained.clocked_losses(found, 0.4)  # half way in the logarithm
    assert middle[0].accuracy_loss == pytest.approx(0.15)
    with pytest.raises(NotMeasured, match="0.2 to 0.8"):
        trained.clocked_losses(found, 1.0)


def test_equal_budgets_are_compared_with_the_best_gradient():
    data = xr.Dataset(
        {"test_accuracy": (("gradient", "seed"), [[0.9, 0.92], [0.8, 0.92], [0.95, 0.95]])},
        {"gradient": ["exact", "narrow", "wide"], "seed": [0, 1]},
    )
    task = {"cell": {"alpha": 2.0, "beta": 0.5}, "last": 2.0, "surrogate_steps": 100}
    found = trained.budget_losses(record(trained.BUDGET, data, {"task": task}))
    assert found.best == pytest.approx(0.95) and found.step == pytest.approx(0.04)
    assert [each.choice for each in found.losses] == ["wide", "exact", "narrow"]
    assert [each.accuracy_loss for each in found.losses] == pytest.approx([0.0, 0.04, 0.09])
    assert found.losses[2].spread == pytest.approx(0.12 / math.sqrt(2))  # of the differences
    assert found.losses[0].spread == 0.0  # its own


def test_the_advice_on_late_crossings_with_the_shipped_artefacts():
    at_hand = records()

    def late(spikes=None, width=None):
        return parts.late(NEURON, 1e-3, 0.05, at_hand, spikes, width)

    found = late()
    losses = {each.name: each.loss for each in found.choices}
    # what is recorded: beyond W/dt dropping ruins a training and carrying does not; margins of ten points
    assert losses["late crossings dropped"] > losses["late crossings carried"] + 0.1
    assert found.choices[0].name == "late crossings carried"
    for name in ("collapse", "time-step-sweep"):
        assert (
            name in found.evidence.source
            and artefacts.provenance(name)["sha256"][:12] in found.evidence.digest
        )
    curves = trained.late_curves([at_hand[name] for name in trained.LATE])
    safe = trained.safe_demand(curves, "drop", 0.05)
    assert f"{math.floor(safe * 0.010 / 1e-3)} spikes" in found.note and "one volley of input" in found.note
    few = late(spikes=2, width=0.1)
    assert all(each.loss < 0.05 for each in few.choices) and "W = 100 ms" in few.note
    many = late(spikes=1000, width=0.1)
    assert (
        many.choices == ()
        and "spikes dt/W = 10 was not measured" in many.note
        and "dropping keeps it" in many.note
    )


def test_costs_at_a_number_of_spikes():
    found = costs(NEURON, [4e-3, 5e-3], spikes=10, width=0.1)
    late = found.isel(choice=found["kind"].values == "late")
    for column, dt in enumerate(found["dt"].values):
        one = {each.name: each.loss for each in recommend(NEURON, dt, spikes=10, width=0.1)["late"].choices}
        assert dict(zip(late["name"].values.tolist(), late["loss"].values[:, column], strict=True)) == one
    assert "budget" not in found["kind"].values
