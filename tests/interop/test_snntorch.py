"""snnTorch itself against the declared updates, in float64."""

import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch", exc_type=ImportError)
    snn = pytest.importorskip("snntorch", reason="needs snntorch (extra interop)", exc_type=ImportError)

pytestmark = pytest.mark.interop
ALPHA, BETA = np.exp(-0.1), np.exp(-0.05)


def run(make, inputs, synapse):
    neuron = make().double()
    states = [torch.zeros(1, dtype=torch.float64)] * (2 if synapse else 1)
    rows = []
    for value in inputs:
        spike, *states = neuron(torch.tensor([value], dtype=torch.float64), *states)
        rows.append([spike.item(), states[-1].item()])
    return np.array(rows).T


def leaky(**options):
    return snn.Leaky(beta=torch.tensor(BETA, dtype=torch.float64), **options)


def synaptic(**options):
    decays = (torch.tensor(decay, dtype=torch.float64) for decay in (ALPHA, BETA))
    return snn.Synaptic(*decays, **options)


def test_leaky_below_threshold(inputs, equals_declaration):
    _, voltage = run(lambda: leaky(reset_mechanism="none"), inputs, synapse=False)
    equals_declaration("snntorch.Leaky", {"beta": BETA}, 1e-3, inputs, voltage)


def test_synaptic_below_threshold(inputs, equals_declaration):
    _, voltage = run(lambda: synaptic(reset_mechanism="none"), inputs, synapse=True)
    equals_declaration("snntorch.Synaptic", {"alpha": ALPHA, "beta": BETA}, 1e-3, inputs, voltage)


@pytest.mark.parametrize(("theirs", "ours"), [("subtract", "subtract"), ("zero", "to_value")])
def test_leaky_resets_one_step_late(theirs, ours, excitation, equals_declaration):
    spikes, voltage = run(lambda: leaky(reset_mechanism=theirs), excitation, synapse=False)
    equals_declaration("snntorch.Leaky", {"beta": BETA}, 1e-3, excitation, voltage, spikes, reset=ours)


@pytest.mark.parametrize(("theirs", "ours"), [("subtract", "subtract"), ("zero", "to_value")])
def test_synaptic_resets_one_step_late(theirs, ours, excitation, equals_declaration):
    """With "zero" the voltage of the step after a spike is 0: the current of that step is lost."""
    spikes, voltage = run(lambda: synaptic(reset_mechanism=theirs), excitation, synapse=True)
    values = {"alpha": ALPHA, "beta": BETA}
    equals_declaration("snntorch.Synaptic", values, 1e-3, excitation, voltage, spikes, reset=ours)
    if theirs == "zero":
        np.testing.assert_array_equal(voltage[1:][spikes[:-1] > 0], 0.0)
