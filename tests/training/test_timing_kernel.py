"""Gradients through spike times in batches: both backends, and the float64 method for one sample."""

import numpy as np
import pytest
import torch

from snntheory import CubaLIF, discretize
from snntheory.gradients import timing, weight_gradient
from snntheory.training.kernels import LayerStep, product, scan
from snntheory.training.kernels.timing import TimingRule, timing_scan

DT = 1e-3
SCHEMES = [("impulse_invariance", None), ("backward_euler", None), ("bilinear", None), ("parker_sochacki", 2)]
BACKENDS = ("reference", "numba")


def model_of(reset="subtract", scheme=SCHEMES[0]):
    return discretize(CubaLIF(0.012, 0.006, r=1.3, v_threshold=0.8, v_reset=-0.2, reset=reset), DT, *scheme)


def random_drive(shape=(40, 3, 200), dtype=torch.float64):
    random = torch.Generator().manual_seed(0)
    return (torch.randn(shape, generator=random, dtype=dtype) * 0.008 + 0.002).requires_grad_()


def loss_and_gradient(drive, step, rule, backend, of=("spikes", "voltage")):
    spikes, voltage, current = timing_scan(drive, step, rule, backend, with_current=True)
    ramp = torch.linspace(-1, 1, spikes.numel(), dtype=spikes.dtype).view_as(spikes).flip(1)
    parts = {"spikes": (spikes * ramp).sum(), "voltage": 0.1 * (voltage * ramp.flip(0)).sum()}
    (gradient,) = torch.autograd.grad(sum(parts[name] for name in of), drive)
    return spikes, voltage, current, gradient


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme[0])
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("reset", ["subtract", "to_value"])
@pytest.mark.parametrize("clamp", [None, 8.0])
@pytest.mark.parametrize("direct", timing.DIRECT)
def test_backends_agree_in_float64(direct, clamp, reset, detach, scheme):
    model, drive = model_of(reset, scheme), random_drive()
    step, rule = LayerStep.of(model, detach_reset=detach), TimingRule.of(model, clamp, direct)
    for of in (("spikes", "voltage"), ("spikes",), ("voltage",)):
        results = [loss_and_gradient(drive, step, rule, backend, of) for backend in BACKENDS]
        assert results[0][0].sum() > 100
        for a, b in zip(*results, strict=True):
            # rounding of 40 steps, relative to the largest entry; slopes without a clamp lose a few digits
            assert (a - b).abs().max() <= 1e-11 * a.abs().max()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reset", ["subtract", "to_value"])
def test_forward_is_that_of_scan(reset, backend):
    step, drive = LayerStep.of(model_of(reset)), random_drive()
    for with_current in (False, True):
        expected = scan(drive, step, backend, with_current)
        found = timing_scan(drive, step, TimingRule.of(model_of(reset)), backend, with_current)
        for a, b in zip(found, expected, strict=True):
            assert (a is None and b is None) or torch.equal(a, b)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme[0])
@pytest.mark.parametrize("reset", ["subtract", "to_value"])
@pytest.mark.parametrize("direct", timing.DIRECT)
def test_equal_to_the_method_for_one_sample(direct, reset, scheme, backend):
    """Two layers through product and timing_scan, each sample of a batch against gradients.timing."""
    model, rng = model_of(reset, scheme), np.random.default_rng(3)
    batch = [[np.sort(rng.uniform(0, 0.04, 9)) for _ in range(4)] for _ in range(2)]
    weights = [0.01 * rng.normal(0.7, 0.8, shape) for shape in ((4, 5), (5, 3))]
    factors = rng.normal(size=(50, 3))

    class Loss:
        def __call__(self, outputs):
            raise AssertionError("not asked for")

        def on_grid(self, spikes, dt):
            return float((factors * spikes).sum()), factors

    expected = [
        weight_gradient(
            model.neuron, inputs, weights, Loss(), "timing",
            t_max=0.05, dt=DT, scheme=scheme[0], order=scheme[1], direct=direct, clamp=50.0, loss_on="grid",
        )
        for inputs in batch
    ]  # fmt: skip
    edges = DT * np.arange(51)
    spikes = torch.tensor(
        np.stack([[np.histogram(t, edges)[0] for t in inputs] for inputs in batch]), dtype=torch.float64
    ).permute(2, 0, 1)
    leaves = [torch.tensor(w, requires_grad=True) for w in weights]
    step, rule = LayerStep.of(model), TimingRule.of(model, 50.0, direct)
    for leaf in leaves:
        spikes, _, _ = timing_scan(product(spikes, leaf, backend), step, rule, backend)
    found = torch.autograd.grad((spikes * torch.from_numpy(factors)[:, None]).sum(), leaves)
    for n, part in enumerate(found):
        total = expected[0][n] + expected[1][n]
        assert np.abs(total).max() > 0
        np.testing.assert_allclose(part.numpy(), total, rtol=0, atol=1e-11 * np.abs(total).max())


@pytest.mark.parametrize("backend", BACKENDS)
def test_float32(backend):
    model, exact = model_of(), random_drive((20, 3, 50))
    step, rule = LayerStep.of(model), TimingRule.of(model, 8.0)
    expected = loss_and_gradient(exact, step, rule, "reference")
    found = loss_and_gradient(exact.detach().float().requires_grad_(), step, rule, backend)
    assert {part.dtype for part in found} == {torch.float32}
    same = (found[0] == expected[0]).all(0)  # where rounding has not moved a spike
    assert same.float().mean() > 0.95
    assert (found[3] - expected[3])[:, same].abs().max() < 1e-4 * expected[3].abs().max()


def test_more_neurons_than_one_block_and_the_receivers_synapse():
    model, drive = model_of(), random_drive((7, 3, 700))
    slow = CubaLIF(0.012, 0.060)
    rule = TimingRule.of(model, None, "hu", slow)
    results = [loss_and_gradient(drive, LayerStep.of(model), rule, backend) for backend in BACKENDS]
    torch.testing.assert_close(results[0][3], results[1][3], rtol=0, atol=1e-10)
    assert rule.steps_per_synapse == pytest.approx(DT / 0.060)


@pytest.mark.parametrize("backend", BACKENDS)
def test_silent_layers_and_single_steps(backend):
    model = model_of("to_value")
    for shape in ((1, 2, 3), (10, 1, 1)):
        drive = torch.full(shape, -1.0, dtype=torch.float64, requires_grad=True)
        found = loss_and_gradient(drive, LayerStep.of(model), TimingRule.of(model), backend, ("spikes",))
        assert found[0].sum() == 0 and not found[3].any()


def test_bad_input():
    model = model_of("none")
    with pytest.raises(ValueError, match="needs reset='subtract' or 'to_value'"):
        TimingRule.of(model)
    rule = TimingRule.of(model_of())
    with pytest.raises(ValueError, match="needs a layer with reset"):
        timing_scan(random_drive(), LayerStep.of(model), rule)
    with pytest.raises(ValueError, match="clamp must be above 0"):
        TimingRule.of(model_of(), -1.0)
    with pytest.raises(ValueError, match="direct must be one of"):
        TimingRule.of(model_of(), None, "indirect")
    with pytest.raises(TypeError, match="drive must be"):
        timing_scan(np.zeros((3, 2, 1)), LayerStep.of(model_of()), rule)
