"""lava-dl's neuron itself against our integer arithmetic, bit for bit."""

import importlib.util
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

from snntheory.linear import frameworks
from snntheory.linear.frameworks.lava_dl import STATE_SCALE, fixed_point

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch", exc_type=ImportError)
    where = importlib.util.find_spec("lava")
    folders = [Path(root) / "lib/dl/slayer" for root in (where.submodule_search_locations if where else [])]
    folders = [folder for folder in folders if folder.is_dir()]
    if not folders:
        pytest.skip("needs lava-dl, which asks for Python 3.10 and torch 2.3", allow_module_level=True)
    # the package's own __init__ imports an object detector with torchvision and OpenCV; only the neuron is wanted
    for name, path in (("lava.lib.dl", folders[0].parent), ("lava.lib.dl.slayer", folders[0])):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(path)]
    from lava.lib.dl.slayer.neuron import cuba

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
VALUES = {"current_decay": 0.10009765625, "voltage_decay": 0.050048828125}  # 410 and 205 of 4096


def run(inputs, threshold=1e5):
    neuron = cuba.Neuron(threshold=threshold, **VALUES)
    data = torch.tensor(inputs, dtype=torch.float32).reshape(1, 1, -1)
    current, voltage = neuron.dynamics(data)
    spikes = neuron.spike(voltage)
    return [part[0, 0].detach().numpy().astype(float) for part in (voltage, current, spikes)]


def test_fixed_point_is_theirs_bit_for_bit(inputs):
    inputs = np.round(inputs * 64) / 64
    voltage, current, _ = run(inputs)
    ours = fixed_point(VALUES, inputs)
    np.testing.assert_array_equal(voltage, ours[0])
    np.testing.assert_array_equal(current, ours[1])


def test_linear_update_differs_by_the_rounding_of_the_states(inputs, equals_declaration):
    inputs = np.round(inputs * 64) / 64
    voltage, *_ = run(inputs)
    linear, *_ = frameworks.simulate(
        frameworks.get("lava_dl.cuba.Neuron"), VALUES, 1e-3, inputs, reset="none"
    )
    # each step rounds by less than 1 / 4096: at most 1 / d_i remembered in the current, and (1 + 1 / d_i) / d_u in u
    d_i, d_u = VALUES.values()
    assert 0 < np.abs(voltage - linear).max() < (1 + 1 / d_i) / d_u / STATE_SCALE


def test_reset_to_zero_is_seen_one_step_later(excitation):
    inputs = np.round(excitation * 64) / 64
    voltage, _, spikes = run(inputs, threshold=2.0)
    assert spikes.sum() >= 5
    np.testing.assert_array_equal(spikes > 0, voltage > 2.0)
    expected = frameworks.simulate(
        frameworks.get("lava_dl.cuba.Neuron"), VALUES, 1e-3, inputs, v_threshold=2.0
    )
    # the rounding of the states, as above, may move no spike in this input
    np.testing.assert_array_equal(spikes, expected[2])
    np.testing.assert_allclose(voltage, expected[0], rtol=0, atol=0.06)
