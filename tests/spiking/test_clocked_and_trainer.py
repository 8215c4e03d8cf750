"""The clocked simulation and the trainer's network are one neuron: same voltages, same spikes, for every scheme."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.linear import schemes
from snntheory.spiking import simulate_inputs

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("reset", ["subtract", "to_value"])
@pytest.mark.parametrize("input", ["dirac", "sampled"])
@pytest.mark.parametrize("scheme", schemes.names())
def test_a_layer_of_the_network_is_the_simulation_on_the_grid(scheme, input, reset):
    from snntheory.training import Network

    order = 3 if scheme == "parker_sochacki" else None
    neuron = CubaLIF(0.020, 0.008, r=1.2, v_reset=-0.1, reset=reset)
    random = np.random.default_rng(3)
    counts = random.poisson(0.2, (60, 2, 5)).astype(np.float32)  # (step, trial, input)
    weights = random.uniform(-0.01, 0.06, (5, 4)) / (1.0 if input == "dirac" else 1e-3)
    if scheme == "scaled_impulse":
        weights = weights * 1000
    try:
        network = Network((5, 4), neuron, 1e-3, scheme, order, input=input)
    except ValueError as error:
        pytest.skip(f"the trainer refuses it: {error}")
    network.set_weights([weights])
    states = network.states(torch.as_tensor(counts))[0]
    sums = np.einsum("tbi,ij->bjt", counts.astype(np.float64), weights)
    run = simulate_inputs(neuron, sums, 1e-3, scheme, order, input=input)
    spikes = states.spikes.permute(1, 2, 0).numpy()
    voltage = states.voltage.permute(1, 2, 0).numpy()
    # until a spike that single precision puts into another step; there is none with this seed
    np.testing.assert_array_equal(run["spikes"].values[..., 1:], spikes)
    np.testing.assert_allclose(run["voltage"].values[..., 1:], voltage, atol=5e-5)  # float32, sixty steps
    assert spikes.sum() > 10
