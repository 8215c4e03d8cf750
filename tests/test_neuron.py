"""The neuron refuses what is not a neuron, and says why."""

import dataclasses

import numpy as np
import pytest

from snntheory import CubaLIF


def test_defaults_and_freezing():
    neuron = CubaLIF(0.020, 0.010)
    assert (neuron.r, neuron.v_threshold, neuron.v_reset, neuron.reset) == (1.0, 1.0, 0.0, "subtract")
    with pytest.raises(dataclasses.FrozenInstanceError):
        neuron.tau_mem = 1.0


@pytest.mark.parametrize("name", ["tau_mem", "tau_syn", "r"])
@pytest.mark.parametrize("value", [0.0, -0.01, np.nan, np.inf])
def test_positive_numbers(name, value):
    arguments = {"tau_mem": 0.020, "tau_syn": 0.010} | {name: value}
    with pytest.raises(ValueError, match=name):
        CubaLIF(**arguments)


@pytest.mark.parametrize("value", ["0.02", None, True, [0.02], 1j])
def test_not_a_number(value):
    with pytest.raises(TypeError, match="tau_mem"):
        CubaLIF(value, 0.010)


def test_numpy_scalars_are_numbers():
    assert CubaLIF(np.float32(0.5), np.array(0.25)) == CubaLIF(0.5, 0.25)


def test_unknown_reset_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'subtract'"):
        CubaLIF(0.02, 0.01, reset="substract")


def test_reset_above_threshold():
    with pytest.raises(ValueError, match="v_reset must lie below v_threshold"):
        CubaLIF(0.02, 0.01, v_threshold=1.0, v_reset=1.0, reset="to_value")
    with pytest.raises(ValueError, match="v_threshold must be above 0"):
        CubaLIF(0.02, 0.01, v_threshold=0.0)
