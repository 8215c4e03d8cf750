"""Sinabs itself against the declared updates. Its time constants are stored in single precision."""

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch", exc_type=ImportError)
    pytest.importorskip("sinabs", reason="needs sinabs (extra interop)", exc_type=ImportError)
    import sinabs.activation
    import sinabs.layers

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
VALUES = {"tau_mem": 20.0, "tau_syn": 10.0}
NAMES = {"sinabs.LIF": True, "sinabs.LIF(norm_input=False)": False}


def run(inputs, **options):
    layer = sinabs.layers.LIF(**VALUES, record_states=True, **options).double()
    spikes = layer(torch.tensor(inputs, dtype=torch.float64).reshape(1, -1, 1))
    return spikes[0, :, 0].detach().numpy(), layer.recordings["v_mem"][0, :, 0].detach().numpy()


@pytest.mark.parametrize("name", NAMES)
def test_below_threshold(name, inputs, equals_declaration):
    _, voltage = run(inputs, norm_input=NAMES[name], spike_threshold=torch.tensor(1e9))
    equals_declaration(name, VALUES, 1e-3, inputs, voltage)


@pytest.mark.parametrize(("rule", "reset"), [("MembraneSubtract", "subtract"), ("MembraneReset", "to_value")])
@pytest.mark.parametrize("name", NAMES)
def test_resets_in_the_step_of_the_spike(name, rule, reset, excitation, equals_declaration):
    threshold = 0.0625 if NAMES[name] else 1.0  # exact in single precision
    spikes, voltage = run(
        excitation,
        norm_input=NAMES[name],
        spike_threshold=torch.tensor(threshold),
        reset_fn=getattr(sinabs.activation, rule)(),
    )
    equals_declaration(name, VALUES, 1e-3, excitation, voltage, spikes, v_threshold=threshold, reset=reset)


def test_one_step_can_emit_several_spikes(excitation, equals_declaration):
    spikes, voltage = run(10 * excitation, norm_input=False)
    assert spikes.max() > 1
    equals_declaration("sinabs.LIF(norm_input=False)", VALUES, 1e-3, 10 * excitation, voltage, spikes)
