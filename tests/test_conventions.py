"""Every convention's own equations, integrated as they stand, against the canonical neuron that it becomes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from snntheory import CubaLIF, conventions
from snntheory.linear import kernel

VALUES = {
    "bats": {"tau": 0.26, "tau_s": 0.13, "threshold": 0.2},
    "fp": {"alpha": 200.0, "beta": 60.0, "threshold": 1.3},
    "eventprop": {"tau_mem": 0.02, "tau_syn": 0.005, "threshold": 1.0},
    "leak_conductance": {
        "C_m": 2e-10,
        "g_leak": 1e-8,
        "tau_s": 0.005,
        "E_leak": -0.07,
        "threshold": -0.05,
        "reset": -0.08,
    },  # fmt: skip
    "unit_peak": {"tau_mem": 0.015, "tau_syn": 0.00375, "threshold": 1.0},
    "second_order": {"damping_ratio": 1.25, "natural_frequency": 100.0, "gain": 2.0, "threshold": 0.5},
}


def own_response(name, v, t):
    """Voltage after one spike of weight 1 at time 0, from the convention's own equations."""
    if name == "fp":
        return (np.exp(-v["alpha"] * t) - np.exp(-v["beta"] * t)) / (v["beta"] - v["alpha"])
    if name == "unit_peak":
        # Gütig and Sompolinsky's normalisation, from the ratio of the time constants
        eta = v["tau_mem"] / v["tau_syn"]
        v0 = eta ** (eta / (eta - 1)) / (eta - 1)
        return v0 * (np.exp(-t / v["tau_mem"]) - np.exp(-t / v["tau_syn"]))
    right, start = {
        "bats": lambda: (lambda _, x: [-x[0] / v["tau"] + x[1], -x[1] / v["tau_s"]], [0.0, 1.0]),
        "eventprop": lambda: (
            lambda _, x: [(x[1] - x[0]) / v["tau_mem"], -x[1] / v["tau_syn"]], [0.0, 1.0]
        ),
        "leak_conductance": lambda: (
            lambda _, x: [(v["g_leak"] * (v["E_leak"] - x[0]) + x[1]) / v["C_m"], -x[1] / v["tau_s"]],
            [v["E_leak"], 1.0],
        ),
        "second_order": lambda: (
            lambda _, x: [
                x[1],
                -2 * v["damping_ratio"] * v["natural_frequency"] * x[1] - v["natural_frequency"] ** 2 * x[0],
            ],
            [0.0, v["natural_frequency"] ** 2 * v["gain"]],
        ),
    }[name]()  # fmt: skip
    solution = solve_ivp(right, (0, t[-1]), start, t_eval=t, method="DOP853", rtol=1e-12, atol=1e-13)
    return solution.y[0] - start[0]


def test_all_are_tested():
    assert set(VALUES) == set(conventions.names())


@pytest.mark.parametrize("name", VALUES)
def test_response_is_that_of_its_own_equations(name):
    neuron, weight = conventions.get(name).to_neuron(VALUES[name])
    t = np.linspace(0, 5 * neuron.tau_mem, 50)
    expected = own_response(name, VALUES[name], t)
    # the integrator's tolerance is 1e-12 per step
    np.testing.assert_allclose(weight * kernel(neuron, t), expected, rtol=0, atol=1e-10 * expected.max())


@pytest.mark.parametrize("name", VALUES)
def test_threshold_lies_at_the_same_height_above_rest(name):
    neuron, _ = conventions.get(name).to_neuron(VALUES[name])
    values = VALUES[name]
    assert neuron.v_threshold == pytest.approx(values["threshold"] - values.get("E_leak", 0.0), rel=1e-15)
    if name == "leak_conductance":
        assert neuron.v_reset == pytest.approx(-0.01, rel=1e-12)


@settings(deadline=None)  # a busy machine is no failure
@given(
    name=st.sampled_from(sorted(VALUES)),
    tau_mem=st.floats(1e-3, 1.0),
    ratio=st.floats(1e-3, 0.99),
    r=st.floats(1e-3, 1e3),
    threshold=st.floats(1e-2, 1e2),
)
def test_there_and_back_changes_no_response(name, tau_mem, ratio, r, threshold):
    convention = conventions.get(name)
    neuron = CubaLIF(tau_mem, ratio * tau_mem, r, v_threshold=threshold, reset=convention.reset)
    values, weight = convention.from_neuron(neuron)
    again, back = convention.to_neuron(values)
    # second_order: near damping ratio 1 its rounding is amplified by 1 / (1 - ratio)
    tolerance = 1e-15 * (10 + 20 / (1 - ratio))
    assert again.tau_mem == pytest.approx(neuron.tau_mem, rel=tolerance)
    assert again.tau_syn == pytest.approx(neuron.tau_syn, rel=tolerance)
    assert again.v_threshold == pytest.approx(threshold, rel=1e-14)
    assert again.r * back * weight == pytest.approx(r, rel=4 * tolerance)
    assert again.reset == neuron.reset


def test_weight_of_a_jump_is_its_area():
    """The trap: a jump of w for tau_syn seconds is an area of w tau_syn."""
    _, weight = conventions.get("eventprop").to_neuron(VALUES["eventprop"])
    assert weight == 0.005


def test_bad_values():
    convention = conventions.get("bats")
    with pytest.raises(ValueError, match="did you mean 'bats'"):
        conventions.get("batz")
    with pytest.raises(ValueError, match="must be exactly tau, tau_s, threshold"):
        convention.to_neuron({"tau": 1.0, "tau_s": 1.0})
    with pytest.raises(ValueError, match="tau must be above 0"):
        convention.to_neuron({"tau": -1.0, "tau_s": 1.0, "threshold": 1.0})
    with pytest.raises(TypeError, match="neuron must be a CubaLIF"):
        convention.from_neuron(0.02)
    with pytest.raises(ValueError, match="has the reset 'subtract'"):
        convention.from_neuron(CubaLIF(0.02, 0.01, reset="to_value"))
    with pytest.raises(ValueError, match="resets to 0, got v_reset=-1"):
        conventions.get("eventprop").from_neuron(CubaLIF(0.02, 0.01, reset="to_value", v_reset=-1.0))
    with pytest.raises(ValueError, match="damping_ratio must be at least 1"):
        conventions.get("second_order").to_neuron(VALUES["second_order"] | {"damping_ratio": 0.9})
    with pytest.raises(ValueError, match="does not know which is which"):
        conventions.get("second_order").from_neuron(CubaLIF(0.01, 0.02))
