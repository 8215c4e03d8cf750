"""The network: weights in canonical units, the same neuron as everywhere, transfer to other time steps."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory import CubaLIF, discretize, linear
from snntheory.training import Network
from snntheory.training.kernels import LayerStep, scan
from snntheory.training.kernels.timing import TimingRule, timing_scan
from snntheory.training.network import weight_unit

NEURON = CubaLIF(0.020, 0.010)
EPS = np.finfo(np.float32).eps


def network(sizes=(5, 7, 3), neuron=NEURON, dt=0.002, *more, **options):
    return Network(sizes, neuron, dt, *more, **options)


def spikes(n_steps=20, batch=4, n_inputs=5, probability=0.5):
    random = torch.Generator().manual_seed(0)
    return (torch.rand((n_steps, batch, n_inputs), generator=random) < probability).float()


def test_weights_round_trip():
    net, other = network(seed=1), network(seed=2)
    assert [tuple(w.shape) for w in net.weights()] == [(5, 7), (7, 3)]
    assert not torch.equal(net.weights()[0], other.weights()[0])
    other.set_weights(net.weights())
    for a, b in zip(net.weights(), other.weights(), strict=True):
        torch.testing.assert_close(a, b, rtol=2 * EPS, atol=0)  # a division and a product by the unit
    arrays = [np.arange(35.0).reshape(5, 7), np.ones((7, 3)).tolist()]
    net.set_weights(arrays)
    np.testing.assert_allclose(net.weights()[0], arrays[0], rtol=2 * EPS)
    assert not any(w.requires_grad for w in net.weights())


def test_set_weights_refuses_what_does_not_fit():
    net = network()
    before = [w.clone() for w in net.weights()]
    good = [w.numpy() for w in before]
    with pytest.raises(ValueError, match="one array for each of 2 layers, got 1"):
        net.set_weights(good[:1])
    with pytest.raises(ValueError, match=r"weights\[0\] must have shape \(5, 7\), got \(7, 5\)"):
        net.set_weights([good[0].T, good[1]])
    with pytest.raises(ValueError, match=r"weights\[0\] must be finite"):
        net.set_weights([np.full((5, 7), np.nan), good[1]])
    assert all(torch.equal(a, b) for a, b in zip(before, net.weights(), strict=True))


def test_seeds_and_initial_statistics():
    a, b, c = (network((400, 300), seed=seed).weights()[0] for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    drawn = network((400, 300), gain=2.0).weights()[0].double().numpy() / weight_unit(NEURON)
    n = drawn.size
    sigma = 2.0 / math.sqrt(400)
    assert abs(drawn.mean()) < 5 * sigma / math.sqrt(n)  # five standard errors
    assert drawn.std() == pytest.approx(sigma, abs=5 * sigma / math.sqrt(2 * n))


@pytest.mark.parametrize("neuron", [NEURON, CubaLIF(0.01, 0.01, r=2.5), CubaLIF(0.005, 0.03)])
def test_weight_units(neuron):
    t = np.linspace(0, 0.2, 200_001)
    peak = weight_unit(neuron) * linear.kernel(neuron, t).max()
    assert peak == pytest.approx(1, abs=1e-6)  # the grid of the search
    dt = 1e-3
    model = discretize(neuron, dt, "zoh")  # keeps the area of a spike
    drive = np.full(2000, weight_unit(neuron, "sampled") * dt)
    assert model.simulate(drive)[0][-1] == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("scheme", [("impulse_invariance",), ("bilinear",), ("parker_sochacki", 3)])
def test_states_are_those_of_the_discrete_neuron(scheme):
    net = network((5, 7, 3), replace(NEURON, reset="none", v_threshold=0.05), 0.002, *scheme)
    given = spikes()
    states = net.states(given)
    before = given
    for layer, (state, weights) in enumerate(zip(states, net.weights(), strict=True)):
        model = discretize(net.neurons[layer], 0.002, *scheme)
        drive = before.double().permute(1, 0, 2).numpy() @ weights.double().numpy()
        voltage, current = model.simulate(drive.transpose(0, 2, 1))
        # float32 with sums of 7 terms and 20 steps
        scale = np.abs(voltage).max(), np.abs(current).max()
        assert np.abs(state.voltage.permute(1, 2, 0).numpy() - voltage).max() < 1e-5 * scale[0]
        assert np.abs(state.current.permute(1, 2, 0).numpy() - current).max() < 1e-5 * scale[1]
        assert torch.equal(state.spikes, (state.voltage >= 0.05).float())
        before = state.spikes  # acts on the next layer in the same step
    assert all(0 < state.spikes.mean() < 1 for state in states)


def test_forward_gives_the_spikes_of_states():
    net = network(neuron=replace(NEURON, v_threshold=0.2))
    for a, b in zip(net(spikes()), net.states(spikes()), strict=True):
        assert torch.equal(a, b.spikes)
        assert a.requires_grad and not b.voltage.requires_grad


def test_every_layer_may_have_its_own_neuron():
    neurons = [CubaLIF(0.02, 0.01, v_threshold=0.3), CubaLIF(0.005, 0.03, reset="to_value", v_reset=-1.0)]
    net = network(neuron=neurons)
    first, second = net.states(spikes())
    step = LayerStep.of(discretize(neurons[1], 0.002, "impulse_invariance"))
    drive = (first.spikes.reshape(80, 7) @ net.weights()[1]).view(20, 4, 3)
    expected = scan(drive, step, "reference")
    torch.testing.assert_close(second.voltage, expected[1], rtol=1e-4, atol=1e-5)  # float32, 20 steps
    with pytest.raises(ValueError, match="one for each of 2 layers, got 3"):
        network(neuron=[NEURON] * 3)


def test_gradient_reaches_every_weight_through_the_reset_or_not():
    gradients = {}
    for kept in ("kept", "detached"):
        net = network(neuron=replace(NEURON, v_threshold=0.2), reset_gradient=kept)
        net(spikes())[-1].sum().backward()
        gradients[kept] = [p.grad for p in net.parameters()]
        assert all((g != 0).any() for g in gradients[kept])
    assert not torch.allclose(gradients["kept"][0], gradients["detached"][0])


@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_gradient_of_the_whole_network_is_the_same_by_both_backends(backend):
    net = network(neuron=replace(NEURON, v_threshold=0.2), backend=backend).double()
    reference = network(neuron=replace(NEURON, v_threshold=0.2), backend="reference").double()
    given, goal = spikes().double(), torch.linspace(-1, 1, 3, dtype=torch.float64)
    for each in (net, reference):
        (each(given)[-1].sum((0, 1)) * goal).sum().backward()
    for a, b in zip(net.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-12)  # rounding of two layers


def test_settings_are_plain_and_make_the_same_network():
    net = network(
        (5, 7, 3),
        [NEURON, CubaLIF(0.01, 0.02, r=2.0, reset="none")],
        0.003,
        "parker_sochacki",
        3,
        surrogate="arctan",
        width=0.7,
        reset_gradient="detached",
        input="sampled",
        gain=1.5,
        seed=4,
    )
    again = Network.from_settings(json.loads(json.dumps(net.settings())))
    assert again.settings() == net.settings()
    assert again.neurons == net.neurons
    for a, b in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(net(spikes()), again(spikes()), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("input", ["dirac", "sampled"])
def test_transfer_to_another_time_step(input):
    net = network((5, 7, 3), NEURON, 0.002, "zoh", input=input, gain=3.0)
    other = net.variant(dt=0.0005)
    assert (other.dt, other.scheme, other.input) == (0.0005, "zoh", input)
    ratio = 4.0 if input == "sampled" else 1.0  # "sampled" weights are areas divided by dt
    for a, b in zip(net.weights(), other.weights(), strict=True):
        torch.testing.assert_close(b, ratio * a, rtol=4 * EPS, atol=0)
    # the same spikes, each in the last of four short steps, leave the same current behind
    given = spikes(n_steps=6)
    fine = torch.zeros(24, 4, 5)
    fine[3::4] = given
    coarse_net, fine_net = (each.variant(scheme="impulse_invariance") for each in (net, other))
    a, b = coarse_net.states(given)[0].current, fine_net.states(fine)[0].current[3::4]
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4 * a.abs().max().item())  # float32


def test_variants_change_only_what_they_name():
    net = network(seed=3, surrogate="arctan")
    for changes in (
        {"scheme": "bilinear"},
        {"scheme": "parker_sochacki", "order": 2},
        {"width": 0.1},
        {"reset_gradient": "detached"},
        {"surrogate": "boxcar"},
    ):
        assert net.variant(**changes).settings() == net.settings() | changes
    reset = net.variant(neuron=replace(NEURON, reset="none"))
    assert [each.reset for each in reset.neurons] == ["none", "none"]
    sampled = net.variant(input="sampled")
    for a, b in zip(net.weights(), sampled.weights(), strict=True):
        torch.testing.assert_close(b * 0.002, a, rtol=4 * EPS, atol=0)
    assert net.settings()["scheme"] == "impulse_invariance"  # the original is untouched
    with pytest.raises(ValueError, match="variant cannot change timestep; it can change sizes"):
        net.variant(timestep=0.001)
    with pytest.raises(ValueError, match="leave it out"):
        net.variant(scheme="parker_sochacki", order=2).variant(scheme="zoh")


def test_wrong_input():
    net = network()
    for shape in [(20, 4), (20, 4, 6), (20, 5), (1, 20, 4, 5), (0, 4, 5), (20, 0, 5)]:
        with pytest.raises(ValueError, match=r"spikes must have shape \(n_steps, batch, 5\)"):
            net(torch.zeros(shape))
    with pytest.raises(
        ValueError, match="must have the dtype of the weights, torch.float32, got torch.float64"
    ):
        net(spikes().double())
    with pytest.raises(TypeError, match="spikes must be a torch.Tensor, got ndarray"):
        net.states(spikes().numpy())


def test_wrong_arguments():
    for sizes in [(), (5,)]:
        with pytest.raises(ValueError, match="sizes must name the input and at least one layer"):
            network(sizes)
    with pytest.raises(ValueError, match="sizes must be at least 1, got 0"):
        network((5, 0, 3))
    for sizes in [784, (5, 2.5), "784"]:
        with pytest.raises(TypeError, match="sizes must be"):
            network(sizes)
    for neuron in (None, 0.02, ["a", "b"]):
        with pytest.raises(TypeError, match="neuron must be a CubaLIF"):
            network(neuron=neuron)
    for dt in (0.0, -0.001, math.nan, None, "0.001"):
        with pytest.raises((ValueError, TypeError), match="dt must be"):
            network(dt=dt)
    with pytest.raises(ValueError, match="scheme must be one of"):
        network((5, 3), NEURON, 0.001, "euler")
    for name, value in [
        ("surrogate", "gauss"),
        ("reset_gradient", "cut"),
        ("gradient", "adjoint"),
        ("input", "delta"),
        ("backend", "cupy"),
        ("width", 0.0),
        ("gain", -1.0),
        ("seed", -1),
    ]:
        with pytest.raises(ValueError, match=f"{name} must be"):
            network(**{name: value})


def test_repr_shows_what_it_is():
    from dataclasses import replace

    neuron = CubaLIF(0.02, 0.01)
    assert repr(Network((5, 4, 3), neuron, 0.002)) == (
        f"Network((5, 4, 3), {neuron!r}, dt=0.002, scheme='impulse_invariance')"
    )
    other = replace(neuron, tau_mem=0.03)
    shown = repr(Network((5, 4, 3), (neuron, other), 0.002, "parker_sochacki", 3))
    assert f"({neuron!r}, {other!r})" in shown and "scheme='parker_sochacki', order=3" in shown


def test_gradient_through_spike_times():
    surrogate, timing = network(gain=3.0), network(gain=3.0, gradient="timing", clamp=8.0, direct="shift")
    given, layers = spikes(), []
    for net in (surrogate, timing):
        layers.append(net(given))
        (layers[-1][-1] * torch.arange(20.0)[:, None, None]).sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(*layers, strict=True))  # the forward pass is the same
    assert layers[0][-1].sum() > 0
    # by hand: the kernel with the receiver's time constants, layer by layer
    rules = [TimingRule.of(model, 8.0, "shift", NEURON) for model in timing.models]
    weights = [part.detach().requires_grad_() for part in timing.parameters()]
    rate = given
    for part, unit, model, rule in zip(weights, timing._units, timing.models, rules, strict=True):
        rate, _, _ = timing_scan(rate @ (part * unit), LayerStep.of(model), rule, "reference")
    (rate * torch.arange(20.0)[:, None, None]).sum().backward()
    for own, other, part in zip(timing.parameters(), surrogate.parameters(), weights, strict=True):
        # float32 sums of 20 steps in another order
        torch.testing.assert_close(own.grad, part.grad, rtol=1e-3, atol=1e-4 * part.grad.abs().max().item())
        assert not torch.allclose(own.grad, other.grad, rtol=0.1)
    again = Network.from_settings(timing.settings())
    assert (again.gradient, again.clamp, again.direct) == ("timing", 8.0, "shift")
    with pytest.raises(ValueError, match="direct must be one of"):
        network(gradient="timing", direct="both")
