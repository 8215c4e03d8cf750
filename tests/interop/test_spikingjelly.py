"""SpikingJelly itself against the declared updates, in float64."""

import warnings

import numpy as np
import pytest

from snntheory.linear import frameworks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch", exc_type=ImportError)
    pytest.importorskip("spikingjelly", reason="needs spikingjelly (extra interop)", exc_type=ImportError)
    from spikingjelly.activation_based import layer, neuron

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
DT = 1e-3


def run(node, inputs):
    rows = []
    for value in inputs:
        spike = node(torch.tensor([value], dtype=torch.float64))
        rows.append([spike.item(), node.v.item()])
    return np.array(rows).T


NODES = {
    "spikingjelly.LIFNode": (lambda **o: neuron.LIFNode(tau=20.0, **o), {"tau": 20.0}),
    "spikingjelly.LIFNode(decay_input=False)": (
        lambda **o: neuron.LIFNode(tau=20.0, decay_input=False, **o),
        {"tau": 20.0},
    ),
    "spikingjelly.CUBALIFNode": (
        lambda **o: neuron.CUBALIFNode(c_decay=0.9, v_decay=0.95, **o),
        {"c_decay": 0.9, "v_decay": 0.95},
    ),
}


@pytest.mark.parametrize("name", NODES)
def test_below_threshold(name, inputs, equals_declaration):
    make, values = NODES[name]
    _, voltage = run(make(v_threshold=1e9), inputs)
    equals_declaration(name, values, DT, inputs, voltage)


@pytest.mark.parametrize("reset", ["to_value", "subtract"])
@pytest.mark.parametrize("name", NODES)
def test_resets_in_the_step_of_the_spike(name, reset, excitation, equals_declaration):
    make, values = NODES[name]
    threshold = 0.05 if name == "spikingjelly.LIFNode" else 1.0
    node = make(v_threshold=threshold, v_reset=None if reset == "subtract" else 0.0)
    spikes, voltage = run(node, excitation)
    equals_declaration(name, values, DT, excitation, voltage, spikes, v_threshold=threshold, reset=reset)


def test_a_node_at_its_threshold_fires():
    theirs, _ = run(neuron.LIFNode(tau=2.0, v_threshold=0.5), [1.0])
    ours = frameworks.simulate(
        frameworks.get("spikingjelly.LIFNode"), {"tau": 2.0}, DT, [1.0], v_threshold=0.5
    )
    assert theirs[0] == ours[2][0] == 1.0


def test_parametric_node_is_the_same_with_tau_from_its_weight(inputs, equals_declaration):
    node = neuron.ParametricLIFNode(init_tau=20.0, v_threshold=1e9).double()
    voltage = []
    with torch.no_grad():
        for value in inputs:
            node(torch.tensor([value], dtype=torch.float64))
            voltage.append(node.v.item())
    # w is stored in single precision before it is widened: 2**-24 of its value 2.9, times tau
    equals_declaration("spikingjelly.LIFNode", {"tau": 20.0}, DT, inputs, voltage, atol=1e-5)


def test_complementary_node_is_the_same_below_threshold(inputs, equals_declaration):
    name = "spikingjelly.LIFNode(decay_input=False)"
    _, voltage = run(neuron.ComplementaryLIFNode(tau=20.0, v_threshold=1e9), inputs)
    equals_declaration(name, {"tau": 20.0}, DT, inputs, voltage)


@pytest.mark.parametrize("kind", ["NoisyCUBALIFNode", "ILCCUBALIFNode"])
def test_relatives_of_the_cuba_node_charge_in_the_same_way(kind, inputs, equals_declaration):
    node, voltage = object.__new__(getattr(neuron, kind)), []  # the charge alone: their layers need shapes
    torch.nn.Module.__init__(node)
    node.c_decay, node.v_decay = 0.9, 0.95
    node.c = node.v = torch.zeros(1, dtype=torch.float64)
    for value in inputs:
        node.neuronal_charge(torch.tensor([value], dtype=torch.float64))
        voltage.append(node.v.item())
    equals_declaration("spikingjelly.CUBALIFNode", {"c_decay": 0.9, "v_decay": 0.95}, DT, inputs, voltage)


def test_synapse_filter_is_no_linear_system():
    """A spike stops the decay of that step, so two spikes are not the sum of one and one."""

    def filtered(train):
        synapse = layer.SynapseFilter(tau=10.0)
        return np.array([synapse(torch.tensor([x], dtype=torch.float64)).item() for x in train])

    first, second = np.zeros((2, 8))
    first[1], second[2] = 1.0, 1.0
    excess = filtered(first + second) - filtered(first) - filtered(second)
    # at step 2 the first response, 1, keeps its tenth that would have decayed
    assert excess[2] == pytest.approx(0.1, rel=1e-12)
