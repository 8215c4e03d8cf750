"""Layers that hear themselves: one step late, by both backends, with gradients through spikes or their times."""

import itertools

import numpy as np
import pytest
import torch

from snntheory import CubaLIF, discretize
from snntheory.gradients.surrogate import pseudo_derivative
from snntheory.training import Dense, Network
from snntheory.training.kernels import LayerStep, scan
from snntheory.training.kernels.recurrent import recurrent_scan
from snntheory.training.kernels.timing import TimingRule, timing_scan

DT = 0.002
RESETS = [("subtract", 0.0), ("to_value", -0.2), ("none", 0.0)]


def neuron(reset="subtract", v_reset=0.0, tau_syn=0.010):
    return CubaLIF(0.020, tau_syn, r=1.3, v_threshold=0.4, v_reset=v_reset, reset=reset)


def problem(n=7, n_steps=25, batch=3, seed=0):
    random = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=random, dtype=torch.float64)

    return 0.012 * normal(n_steps, batch, n) + 0.006, 0.01 * normal(n, n), normal(n_steps, batch, n)


def gradients(run, drive, weights, given, voltage_too=True):
    """Outputs, and the derivatives of a loss of spikes and voltages by drive and weights."""
    drive, weights = (each.clone().requires_grad_() for each in (drive, weights))
    spikes, voltage, _ = run(drive, weights)
    loss = (spikes * given).sum() + (voltage * given.flip(0)).sum() * voltage_too
    return spikes.detach(), voltage.detach(), *torch.autograd.grad(loss, (drive, weights))


@pytest.mark.parametrize(("reset", "v_reset"), RESETS)
def test_forward_is_the_discrete_neuron_with_its_own_spikes_a_step_late(reset, v_reset):
    drive, weights, _ = problem()
    model = discretize(neuron(reset, v_reset), DT, "bilinear")  # with a kick of the step before, too
    u, i, before, s = np.zeros((4, 3, 7))
    found = {}
    for backend in ("reference", "numba"):
        found[backend] = recurrent_scan(drive, weights, LayerStep.of(model), None, backend, True)
    for n, given in enumerate(drive.numpy()):
        now = given + s @ weights.numpy()
        kicks = [model.b[k] * now + model.b_previous[k] * before for k in (0, 1)]
        u, i = model.A[0, 0] * u + model.A[0, 1] * i + kicks[0], model.A[1, 1] * i + kicks[1]
        s, before = (u >= 0.4).astype(float), now
        for spikes, voltage, current in found.values():
            np.testing.assert_array_equal(spikes[n], s)
            np.testing.assert_allclose(voltage[n], u, rtol=0, atol=1e-12)
            np.testing.assert_allclose(current[n], i, rtol=0, atol=1e-12)
        u = {"subtract": u - 0.4 * s, "to_value": np.where(s == 1, v_reset, u), "none": u}[reset]
    assert 0.02 < float(found["numba"][0].mean()) < 0.9


@pytest.mark.parametrize(("reset", "v_reset"), RESETS)
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("surrogate", ["fast_sigmoid", "sigmoid"])
def test_compiled_gradient_is_that_of_autograd_through_the_loop(reset, v_reset, detach, surrogate):
    model = discretize(neuron(reset, v_reset), DT, "zoh")
    step = LayerStep.of(model, surrogate, 0.3, detach)
    results = [
        gradients(lambda d, w, b=backend: recurrent_scan(d, w, step, None, b), *problem())
        for backend in ("reference", "numba")
    ]
    for a, b in zip(*results, strict=True):
        assert (a != 0).any()
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)  # float64, 25 steps


def test_gradient_is_that_of_differences_where_the_spike_is_smooth():
    """The same loop with a logistic spike in the place of the step: autograd by central differences."""
    drive, weights, given = (each.double() for each in problem(n=4, n_steps=12, batch=2))
    step = LayerStep.of(discretize(neuron(), DT, "impulse_invariance"), "sigmoid", 0.3)
    a, b = step.propagator, step.kick

    def loss(now_drive, matrix):
        u = i = s = torch.zeros_like(now_drive[0])
        total = 0
        for n, now in enumerate(now_drive):
            now = now + s @ matrix
            v, i = a[0] * u + a[1] * i + b[0] * now, a[2] * i + b[1] * now
            s = torch.sigmoid((v - 0.4) / 0.3)
            u = v - 0.4 * s
            total = total + (s * given[n]).sum()
        return total

    matrix = weights.clone().requires_grad_()
    (exact,) = torch.autograd.grad(loss(drive, matrix), matrix)
    for j, k in itertools.product(range(4), repeat=2):
        moved = torch.zeros_like(weights)
        moved[j, k] = 1e-6
        difference = (loss(drive, weights + moved) - loss(drive, weights - moved)) / 2e-6
        assert float(difference) == pytest.approx(float(exact[j, k]), rel=1e-6, abs=1e-8)
    # the recursion of the backward pass, given the smooth spike's own values, is this gradient
    from snntheory.training.kernels.recurrent import reference_reverse

    voltages, spikes, u, i, s = [], [], *torch.zeros(3, 2, 4, dtype=torch.float64)
    for now in drive:
        now = now + s @ weights
        v, i = a[0] * u + a[1] * i + b[0] * now, a[2] * i + b[1] * now
        s = torch.sigmoid((v - 0.4) / 0.3)
        u = v - 0.4 * s
        voltages.append(v)
        spikes.append(s)
    voltage, spike = torch.stack(voltages), torch.stack(spikes)
    slope, one = pseudo_derivative(voltage - 0.4, "sigmoid", 0.3), torch.ones_like(voltage)
    by_drive = reference_reverse(one, -0.4 * one, slope, given, 0 * one, weights, step, None)
    found = spike[:-1].flatten(0, 1).T @ by_drive[1:].flatten(0, 1)
    torch.testing.assert_close(found, exact, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("direct", ["tssl_bp", "hu", "shift"])
@pytest.mark.parametrize("backend", ["reference", "numba"])
@pytest.mark.parametrize(("reset", "v_reset"), RESETS[:2])
def test_timing_through_half_a_layer_is_timing_through_two_layers(direct, backend, reset, v_reset):
    """Where V leads only from the first neurons to the last, the layer is two in sequence, a step apart."""
    drive, weights, given = problem(n=8)
    weights[:, :4] = weights[4:] = 0
    weights *= 4
    model = discretize(neuron(reset, v_reset), DT, "impulse_invariance")
    step, rule = LayerStep.of(model), TimingRule.of(model, 8.0, direct, neuron(tau_syn=0.015))
    given[..., :4] = 0  # the loss is one of the second half
    own_rule = TimingRule.of(
        model, 8.0, direct
    )  # what the first half's receivers, in this layer, do with its spikes

    def two_layers(now, matrix):
        first, _, _ = timing_scan(now[..., :4].contiguous(), step, own_rule, "reference")
        delayed = torch.cat([torch.zeros_like(first[:1]), first[:-1]]) @ matrix[:4, 4:]
        second, voltage, _ = timing_scan((now[..., 4:] + delayed).contiguous(), step, rule, "reference")
        return torch.cat([first.detach(), second], -1), torch.cat([0 * voltage, voltage], -1), None

    def one_layer(now, matrix):
        spikes, voltage, _ = recurrent_scan(now, matrix, step, rule, backend)
        return spikes, torch.cat([0 * voltage[..., :4], voltage[..., 4:]], -1), None

    wanted, found = (
        gradients(run, drive, weights, given, voltage_too=False) for run in (two_layers, one_layer)
    )
    assert torch.equal(wanted[0], found[0]) and found[0].sum() > 20
    assert (wanted[2][..., :4] != 0).any()
    torch.testing.assert_close(found[2], wanted[2], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found[3][:4, 4:], wanted[3][:4, 4:], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_without_weights_it_is_a_layer_that_does_not_hear_itself(backend):
    drive, weights, given = problem()
    model = discretize(neuron("to_value", -0.2), DT, "zoh")
    step, rule = LayerStep.of(model), TimingRule.of(model, 8.0, "shift")
    for run, other in [
        (lambda d, w: recurrent_scan(d, w, step, None, backend), lambda d: scan(d, step, backend)),
        (
            lambda d, w: recurrent_scan(d, w, step, rule, backend),
            lambda d: timing_scan(d, step, rule, backend),
        ),
    ]:
        found = gradients(run, drive, weights * 0, given)
        own = drive.clone().requires_grad_()
        spikes, voltage, _ = other(own)
        (wanted,) = torch.autograd.grad((spikes * given).sum() + (voltage * given.flip(0)).sum(), own)
        torch.testing.assert_close(found[2], wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("gradient", ["surrogate", "timing"])
def test_network_with_a_recurrent_layer_is_its_scan(gradient):
    layers = [Dense(6, recurrent=True), Dense(2)]
    net = Network((4,), neuron(), DT, layers=layers, gain=2.0, gradient=gradient).double()
    random = torch.Generator().manual_seed(5)
    given = (torch.rand((20, 3, 4), generator=random) < 0.4).double()
    first, second = net.states(given)
    matrix, own, last = net.weights()
    assert [tuple(each.shape) for each in (matrix, own, last)] == [(4, 6), (6, 6), (6, 2)]
    step = LayerStep.of(net.models[0])
    spikes, voltage, current = recurrent_scan(given @ matrix, own, step, None, "reference", True)
    torch.testing.assert_close(first.voltage, voltage, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(first.current, current, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(
        second.voltage, scan(spikes @ last, step, "reference")[1], rtol=1e-10, atol=1e-12
    )
    assert first.spikes.sum() > 10
    net(given)[-1].sum().backward()
    assert all((each.grad != 0).any() for each in net.parameters())


def test_wrong_input():
    drive, weights, _ = problem()
    step = LayerStep.of(discretize(neuron("none"), DT, "zoh"))
    for wrong in (weights[:3], weights[0]):
        with pytest.raises(ValueError, match=r"weights \(n, n\)"):
            recurrent_scan(drive, wrong, step)
    with pytest.raises(ValueError, match=r"weights \(n, n\)"):
        recurrent_scan(drive[0], weights, step)
    with pytest.raises(ValueError, match="a rule needs a layer with reset"):
        recurrent_scan(drive, weights, step, TimingRule.of(discretize(neuron(), DT, "zoh")))
    with pytest.raises(ValueError, match="backend must be one of"):
        recurrent_scan(drive, weights, step, None, "cupy")
