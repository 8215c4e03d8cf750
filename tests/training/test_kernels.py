"""One operation, three computations: the two backends and a loop with the chain rule written out."""

import numpy as np
import pytest
import torch

from snntheory import CubaLIF, discretize
from snntheory.gradients import SURROGATES, pseudo_derivative
from snntheory.training import kernels
from snntheory.training.kernels import LayerStep, scan

SCHEMES = [("impulse_invariance", None), ("zoh", None), ("bilinear", None), ("parker_sochacki", 2)]
RESETS = ("subtract", "to_value", "none")
BACKENDS = ("reference", "numba")


def step_of(reset="subtract", scheme=("impulse_invariance", None), surrogate="fast_sigmoid", **more):
    neuron = CubaLIF(0.020, 0.010, v_threshold=0.9, v_reset=-0.3, reset=reset)
    return LayerStep.of(discretize(neuron, 1e-3, *scheme), surrogate, 0.5, **more)


def random_drive(shape=(40, 3, 200), dtype=torch.float64, seed=0):
    random = torch.Generator().manual_seed(seed)
    return (torch.randn(shape, generator=random, dtype=dtype) * 0.03 + 0.01).requires_grad_()


def loss_and_gradient(drive, step, backend):
    spikes, voltage, current = scan(drive, step, backend, with_current=True)
    ramp = torch.linspace(-1, 1, spikes.numel(), dtype=spikes.dtype).view_as(spikes)
    (gradient,) = torch.autograd.grad((spikes * ramp).sum() + 0.1 * (voltage * ramp.flip(0)).sum(), drive)
    return spikes, voltage, current, gradient


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme[0])
@pytest.mark.parametrize("detach", [False, True], ids=["kept", "detached"])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_backends_agree_in_float64(surrogate, reset, detach, scheme):
    step = step_of(reset, scheme, surrogate, detach_reset=detach)
    drive = random_drive()
    results = [loss_and_gradient(drive, step, backend) for backend in BACKENDS]
    assert results[0][0].sum() > 100  # without spikes there would be little to compare
    for a, b in zip(*results, strict=True):
        # rounding of 40 steps; the pseudo-derivative is at most 2, so nothing amplifies it much
        assert (a - b).abs().max() <= 1e-12 * a.abs().max()


def test_more_neurons_than_one_block_of_the_fast_backend():
    drive = random_drive((7, 3, 700))  # 2100 neurons: blocks of 512 and a rest
    a, b = (loss_and_gradient(drive, step_of(), backend) for backend in BACKENDS)
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("reset", RESETS)
def test_backends_agree_in_float32(reset):
    step = step_of(reset, surrogate="sigmoid")
    drive = random_drive(dtype=torch.float32, shape=(20, 3, 50))
    exact = loss_and_gradient(drive.detach().double().requires_grad_(), step, "reference")
    for backend in BACKENDS:
        spikes, voltage, current, gradient = loss_and_gradient(drive, step, backend)
        assert {each.dtype for each in (spikes, voltage, current, gradient)} == {torch.float32}
        # where rounding has not moved a spike: 20 steps of float32 (6e-8) with values up to a few
        same = (spikes == exact[0]).all(0)
        assert same.float().mean() > 0.95
        for a, b in zip((voltage, current, gradient), exact[1:], strict=True):
            assert (a - b)[:, same].abs().max() < 1e-5 * b.abs().max()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scheme", [*SCHEMES, ("forward_euler", None), ("backward_euler", None)])
def test_below_threshold_it_is_the_discrete_neuron(scheme, backend):
    neuron = CubaLIF(0.020, 0.010, r=1.3, v_threshold=1e6)
    model = discretize(neuron, 2e-3, *scheme)
    drive = random_drive((30, 2, 5)).detach()
    _, voltage, current = scan(drive, LayerStep.of(model), backend, with_current=True)
    expected = model.simulate(drive.permute(1, 2, 0).numpy())
    for found, goal in zip((voltage, current), expected, strict=True):
        np.testing.assert_allclose(found.permute(1, 2, 0), goal, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_sampled_input_is_scaled_by_the_time_step(backend):
    dirac, sampled = step_of(scheme=("bilinear", None)), step_of(scheme=("bilinear", None), input="sampled")
    drive = random_drive().detach()
    expected = scan(drive, dirac, backend)[1]
    torch.testing.assert_close(scan(drive / 1e-3, sampled, backend)[1], expected, rtol=1e-12, atol=1e-13)


def bare_step(reset, detach=False, decay=0.5, surrogate="sigmoid"):
    """No synapse: v_n = decay p_{n-1} + S_n, threshold 1, reset value -0.25."""
    return LayerStep(
        (decay, 0.0, 0.0), (1.0, 0.0), (0.0, 0.0), 1.0, reset, -0.25, surrogate, 0.3, detach_reset=detach
    )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("reset", "voltages", "spikes"),
    [
        ("subtract", [0.5, 1.5, 0.5, 1.0, 0.0], [0, 1, 0, 1, 0]),
        ("to_value", [0.5, 1.5, 0.125, 0.8125, 0.40625], [0, 1, 0, 0, 0]),
        ("none", [0.5, 1.5, 1.0, 1.25, 0.625], [0, 1, 1, 1, 0]),
    ],
)
def test_the_reset_acts_in_the_step_of_the_crossing(backend, reset, voltages, spikes):
    drive = torch.tensor([0.5, 1.25, 0.25, 0.75, 0.0], dtype=torch.float64).view(-1, 1, 1)
    found = scan(drive, bare_step(reset), backend)
    assert found[1].ravel().tolist() == voltages  # by hand; sums of powers of two are exact
    assert found[0].ravel().tolist() == spikes


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_threshold_itself_fires(backend):
    drive = torch.tensor([[[np.nextafter(1.0, 0.0), 1.0, np.nextafter(1.0, 2.0)]]])
    assert scan(drive, bare_step("none"), backend)[0].ravel().tolist() == [0, 1, 1]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("first", [0.8, 1.1])
def test_yangs_factor_from_one_step_to_the_next(backend, first):
    # Yang (2020): with U the voltage, S its spike, H' the pseudo-derivative, b the decay, reset value v
    #   hard: b (1 - S) - b (U - v) H'(U)      soft: b - b theta H'(U)      detached: without the last term
    b, spike = 0.6, float(first >= 1)
    slope = float(pseudo_derivative(torch.tensor(first - 1, dtype=torch.float64), "sigmoid", 0.3))
    expected = {
        ("to_value", False): b * (1 - spike) - b * (first + 0.25) * slope,
        ("to_value", True): b * (1 - spike),
        ("subtract", False): b - b * slope,
        ("subtract", True): b,
        ("none", False): b,
    }
    for (reset, detach), factor in expected.items():
        drive = torch.tensor([first, 0.0], dtype=torch.float64).view(2, 1, 1).requires_grad_()
        voltage = scan(drive, bare_step(reset, detach, decay=b), backend)[1]
        (gradient,) = torch.autograd.grad(voltage[1].sum(), drive)
        assert gradient[0].item() == pytest.approx(factor, rel=1e-13), (reset, detach)


def tangents(drive, step):
    """Spikes and voltages of one neuron, and their derivatives by every input, forward in time."""
    n, (a_uu, a_ui, a_ii), unit = len(drive), step.propagator, np.eye(len(drive))
    p = i = before = 0.0
    dp = di = dbefore = np.zeros(n)
    out = []
    for k in range(n):
        v = a_uu * p + a_ui * i + step.kick[0] * drive[k] + step.kick_previous[0] * before
        dv = a_uu * dp + a_ui * di + step.kick[0] * unit[k] + step.kick_previous[0] * dbefore
        i = a_ii * i + step.kick[1] * drive[k] + step.kick_previous[1] * before
        di = a_ii * di + step.kick[1] * unit[k] + step.kick_previous[1] * dbefore
        before, dbefore = drive[k], unit[k]
        s = float(v >= step.threshold)
        ds = dv / (2 * step.width * (1 + abs(v - step.threshold) / step.width) ** 2)  # fast sigmoid
        acting = 0 * ds if step.detach_reset else ds
        if step.reset == "subtract":
            p, dp = v - step.threshold * s, dv - step.threshold * acting
        elif step.reset == "to_value":
            p, dp = (step.v_reset if s else v), dv * (1 - s) + (step.v_reset - v) * acting
        else:
            p, dp = v, dv
        out.append((s, v, ds, dv))
    return tuple(np.array(part) for part in zip(*out, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("detach", [False, True], ids=["kept", "detached"])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme[0])
def test_gradient_is_the_chain_rule_written_out(scheme, reset, detach, backend):
    step = step_of(reset, scheme, detach_reset=detach)
    drive = random_drive((25, 1, 1), seed=1).detach() + 0.02
    spikes, voltage, by_spikes, by_voltage = tangents(drive.ravel().numpy(), step)
    assert spikes.sum() >= 2
    of_spikes, of_voltage = np.random.default_rng(0).normal(size=(2, 25))
    drive.requires_grad_()
    s, v, _ = scan(drive, step, backend)
    np.testing.assert_array_equal(s.detach().ravel(), spikes)
    np.testing.assert_allclose(v.detach().ravel(), voltage, rtol=1e-12)
    value = (s.ravel() * torch.from_numpy(of_spikes)).sum() + (v.ravel() * torch.from_numpy(of_voltage)).sum()
    (gradient,) = torch.autograd.grad(value, drive)
    expected = of_spikes @ by_spikes + of_voltage @ by_voltage
    np.testing.assert_allclose(gradient.ravel(), expected, rtol=1e-10, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme[0])
def test_without_spikes_the_gradient_is_the_true_one(scheme, backend):
    neuron = CubaLIF(0.020, 0.010, v_threshold=100.0)
    # a boxcar is zero this far below the threshold, so the surrogate adds nothing
    step = LayerStep.of(discretize(neuron, 1e-3, *scheme), "boxcar", 0.5)
    drive = random_drive((6, 2, 3))
    assert torch.autograd.gradcheck(lambda d: scan(d, step, backend)[1].square(), (drive,))


@pytest.mark.parametrize("backend", BACKENDS)
def test_current_is_an_extra_without_gradient(backend):
    drive = random_drive()
    assert scan(drive, step_of(), backend)[2] is None
    current = scan(drive, step_of(), backend, with_current=True)[2]
    assert not current.requires_grad
    linear = scan(drive, step_of("none"), backend, with_current=True)[2]
    assert torch.equal(current, linear)  # no reset touches the current


@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_layout_does_not_matter(backend):
    plain = random_drive((12, 4, 5)).detach()
    strided = plain.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    assert not strided.is_contiguous()
    results = [loss_and_gradient(x.requires_grad_(), step_of(), backend) for x in (plain, strided)]
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)
    # the gradient of a sum arrives as an expanded tensor of stride zero
    spikes = scan(plain, step_of(), backend)[0]
    (by_sum,) = torch.autograd.grad(spikes.sum(), plain, retain_graph=True)
    (by_ones,) = torch.autograd.grad((spikes * torch.ones_like(spikes)).sum(), plain)
    assert torch.equal(by_sum, by_ones)


def test_auto_takes_the_fast_backend_where_numba_is_installed(monkeypatch):
    drive = random_drive()
    assert "Scan" in type(scan(drive, step_of())[0].grad_fn).__name__
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    assert not kernels.numba_is_installed()
    assert "Stack" in type(scan(drive, step_of())[0].grad_fn).__name__


def test_errors():
    drive = random_drive((5, 2, 3))
    with pytest.raises(ValueError, match="backend must be one of 'auto'.*did you mean 'numba'"):
        scan(drive, step_of(), "numbar")
    for shape in [(5, 2), (5,), (5, 2, 3, 1)]:
        with pytest.raises(ValueError, match=r"drive must have shape \(n_steps, batch, n_neurons\)"):
            scan(torch.zeros(shape), step_of())
    for shape in [(0, 2, 3), (5, 0, 3), (5, 2, 0)]:
        for backend in BACKENDS:
            with pytest.raises(ValueError, match="at least 1"):
                scan(torch.zeros(shape), step_of(), backend)
    for wrong in (torch.zeros((5, 2, 3), dtype=torch.int64), np.zeros((5, 2, 3)), drive.half(), None):
        with pytest.raises(TypeError, match="drive must be a torch.Tensor of float32 or float64"):
            scan(wrong, step_of())
    with pytest.raises(ValueError, match="runs on the CPU"):
        scan(torch.zeros((5, 2, 3), device="meta"), step_of(), "numba")
    with pytest.raises(ValueError, match="surrogate must be one of"):
        step_of(surrogate="sigmoidal")
    with pytest.raises(ValueError, match="input must be one of"):
        step_of(input="delta")
    with pytest.raises(ValueError, match="width must be above 0"):
        LayerStep.of(discretize(CubaLIF(0.02, 0.01), 1e-3, "zoh"), width=0.0)
