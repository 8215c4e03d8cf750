"""Reading NIR nodes without the package nir: nodes are told by the name of their class (real ones: tests/interop)."""

import importlib.util
import types

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.linear import frameworks
from snntheory.nir import from_nir, read_as, to_nir


def node(kind="CubaLIF", **fields):
    one = np.ones(1)
    defaults = {
        "CubaLIF": {
            "tau_syn": 0.01,
            "tau_mem": 0.02,
            "r": 1,
            "v_leak": 0,
            "v_threshold": 1,
            "v_reset": 0,
            "w_in": 1,
        },
        "LIF": {"tau": 0.02, "r": 1, "v_leak": 0, "v_threshold": 1, "v_reset": 0},
        "CubaLI": {"tau_syn": 0.01, "tau_mem": 0.02, "r": 1, "v_leak": 0, "w_in": 1},
        "Affine": {},
    }[kind]
    made = type(kind, (types.SimpleNamespace,), {})(metadata=fields.pop("metadata", {}))
    for name, value in {**defaults, **fields}.items():
        setattr(made, name, value * one)
    return made


def test_voltages_are_measured_from_the_leak():
    loaded = from_nir(node(v_leak=-0.07, v_threshold=-0.05, v_reset=-0.08, w_in=3.0))
    (neuron,) = loaded.neurons
    assert (neuron.tau_mem, neuron.tau_syn, neuron.r) == (0.02, 0.01, 1.0)
    assert neuron.v_threshold == pytest.approx(0.02) and neuron.v_reset == pytest.approx(-0.01)
    assert neuron.reset == "to_value" and loaded.weights == [3.0] and loaded.v_leak == [-0.07]
    assert loaded.dt is None and loaded.scheme is None and loaded.input == "dirac"


def test_neuron_without_synapse_needs_one():
    with pytest.raises(ValueError, match="LIF has no synapse: give the tau_syn"):
        from_nir(node("LIF"))
    assert from_nir(node("LIF"), tau_syn=0.005).neurons == (CubaLIF(0.02, 0.005, reset="to_value"),)
    with pytest.raises(ValueError, match="CubaLIF has its own synapse"):
        from_nir(node(), tau_syn=0.005)


def test_sampled_weight_is_an_area_again():
    own = {"input": b"sampled", "dt": 1e-3, "scheme": b"zoh", "reset": b"subtract"}
    loaded = from_nir(node(w_in=50.0, metadata={"snntheory": own}))
    np.testing.assert_allclose(loaded.weights, [0.05], rtol=1e-15)
    assert (loaded.dt, loaded.scheme, loaded.input) == (1e-3, "zoh", "sampled")
    assert loaded.neurons[0].reset == "subtract"


def test_integrator_never_resets():
    assert from_nir(node("CubaLI")).neurons == (CubaLIF(0.02, 0.01, reset="none"),)


def test_readers_give_the_same_node_different_areas():
    """One node, r = w_in = 1, three readings of a spike's area; none is the 1 that the equations say."""
    canonical = node()
    areas = {}
    for library, dt in (("norse", 1e-3), ("norse", 1e-4), ("rockpool", None)):
        reading = read_as(canonical, library, dt)
        a, b, _ = frameworks.get(reading.framework).numbers(reading.values, reading.dt)
        areas[library, dt] = reading.weight * reading.dt * np.linalg.solve(np.eye(2) - a, b)[0]
    assert areas["norse", 1e-3] == pytest.approx(1e-3, rel=1e-12)
    assert areas["norse", 1e-4] == pytest.approx(1e-4, rel=1e-10)
    # dt = 0.02 / 2; i = a_s (i + S), u = a_m u + i: area dt a_s / ((1 - a_s)(1 - a_m)) with a_s = 1/e, a_m = exp(-1/2)
    assert areas["rockpool", None] == pytest.approx(0.01 / (np.e - 1) / (1 - np.exp(-0.5)), rel=1e-12)
    for library in ("snntorch", "spikingjelly"):
        with pytest.raises(ValueError, match="refuses a node with r=1"):
            read_as(canonical, library)


def test_our_own_neuron_stands_for_its_node():
    assert read_as(CubaLIF(0.02, 0.01), "norse") == read_as(node(), "norse")


def test_a_node_that_all_can_read():
    step = 1e-4
    fitting = node(r=0.02 / step, w_in=0.01 / step)
    torch, jelly = read_as(fitting, "snntorch"), read_as(fitting, "spikingjelly")
    assert torch.weight == pytest.approx(jelly.weight, rel=1e-12) == 1.0
    assert torch.values["alpha"] == jelly.values["c_decay"] == pytest.approx(0.99, rel=1e-12)
    with pytest.raises(ValueError, match="snntorch takes no dt"):
        read_as(fitting, "snntorch", 1e-3)
    with pytest.raises(ValueError, match="refuses a node with w_in=1: at dt=0.0001 s it must be 100"):
        read_as(node(r=0.02 / step), "spikingjelly")


def test_bad_nodes():
    with pytest.raises(TypeError, match="node must be a nir CubaLIF, CubaLI, LIF or LI, got Affine"):
        from_nir(node("Affine"))
    with pytest.raises(ValueError, match="tau_mem must be above 0"):
        from_nir(node(tau_mem=-1.0))
    with pytest.raises(ValueError, match="say input='sampled' but not dt"):
        from_nir(node(metadata={"snntheory": {"input": "sampled"}}))
    with pytest.raises(ValueError, match="library must be one of"):
        read_as(node(), "nengo")
    with pytest.raises(TypeError, match="CubaLIF of one neuron, got LIF"):
        read_as(node("LIF"), "norse")


def test_bad_neurons():
    soft, hard = CubaLIF(0.02, 0.01), CubaLIF(0.02, 0.01, reset="to_value")
    with pytest.raises(TypeError, match="neurons must be a CubaLIF or a sequence"):
        to_nir([])
    with pytest.raises(TypeError, match="neurons must be a CubaLIF or a sequence"):
        to_nir(5)
    with pytest.raises(ValueError, match="order=3 needs a scheme"):
        to_nir(hard, order=3)
    with pytest.raises(ValueError, match="must share one kind of reset"):
        to_nir([soft, hard])
    with pytest.raises(ValueError, match="dt must be given with input='sampled'"):
        to_nir(hard, input="sampled")
    with pytest.raises(ValueError, match="shape must hold 1 neurons, got"):
        to_nir(hard, shape=(2,))
    with pytest.raises(ValueError, match="weights must be a number or have one entry per neuron"):
        to_nir(hard, weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="scheme must be one of"):
        to_nir(hard, scheme="euler")


@pytest.mark.skipif(importlib.util.find_spec("nir") is not None, reason="nir is installed")
def test_missing_package_is_named():
    with pytest.raises(ImportError, match="pip install nir"):
        to_nir(CubaLIF(0.02, 0.01, reset="to_value"))
