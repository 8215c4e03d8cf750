"""Backpropagation through time written out, against torch's autograd through the training's readable backend."""

import numpy as np
import pytest
import torch

from snntheory import CubaLIF, discretize
from snntheory.gradients import SURROGATES, weight_gradient
from snntheory.training.kernels import LayerStep, scan

DT, T_MAX, SIZES = 1e-3, 0.05, (4, 5, 3)
SCHEMES = [("impulse_invariance", None), ("backward_euler", None), ("bilinear", None), ("parker_sochacki", 2)]


class OnGrid:
    """A smooth function of the trains, another factor for each entry, with its gradient by autograd."""

    def __init__(self, seed=0):
        self.seed = seed

    def value(self, spikes):
        factors = np.random.default_rng(self.seed).normal(size=tuple(spikes.shape))
        return (torch.sin(spikes.cumsum(0)) * torch.from_numpy(factors)).sum()

    def on_grid(self, spikes, dt):
        assert dt == DT
        given = torch.from_numpy(spikes).requires_grad_()
        value = self.value(given)
        return float(value.detach()), torch.autograd.grad(value, given)[0].numpy()

    def __call__(self, outputs):
        raise AssertionError("a method on a grid asks for on_grid")


def sample(seed=0, reset="subtract", sizes=SIZES):
    rng = np.random.default_rng(seed)
    neuron = CubaLIF(0.012, 0.006, r=1.3, v_threshold=0.8, v_reset=-0.2, reset=reset)
    # several spikes in one step at the start, and times on the grid itself
    inputs = [
        np.sort(np.append(rng.uniform(0, 0.04, 5), [0.0101, 0.0102, 0.0103, 0.02])) for _ in range(sizes[0])
    ]
    weights = [0.012 * rng.normal(0.7, 0.8, shape) for shape in zip(sizes, sizes[1:], strict=False)]
    return neuron, inputs, weights


def by_autograd(neuron, inputs, weights, loss, scheme, shape, width, detach):
    """Value and gradients with torch; the steps of the inputs are counted with numpy's histogram."""
    edges = DT * np.arange(round(T_MAX / DT) + 1) + 1e-12
    edges[0] = -1.0
    trains = torch.from_numpy(np.stack([np.histogram(t, edges)[0] for t in inputs], 1).astype(float))
    leaves = [torch.from_numpy(w.copy()).requires_grad_() for w in weights]
    step = LayerStep.of(discretize(neuron, DT, *scheme), shape, width, detach)
    spikes, every = trains[:, None, :], []
    for leaf in leaves:
        spikes, _, _ = scan(spikes @ leaf, step, "reference")
        every.append(spikes)
    value = loss.value(spikes[:, 0])
    return float(value.detach()), [g.numpy() for g in torch.autograd.grad(value, leaves)], every


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme[0])
@pytest.mark.parametrize("reset_gradient", ["kept", "detached"])
@pytest.mark.parametrize("reset", ["subtract", "to_value", "none"])
@pytest.mark.parametrize("shape", SURROGATES)
def test_equal_to_autograd(shape, reset, reset_gradient, scheme):
    neuron, inputs, weights = sample(3, reset)
    loss = OnGrid()
    options = dict(dt=DT, scheme=scheme[0], order=scheme[1], shape=shape, width=0.4)
    found = weight_gradient(
        neuron, inputs, weights, loss, "surrogate", t_max=T_MAX, reset_gradient=reset_gradient, **options
    )
    value, expected, trains = by_autograd(
        neuron, inputs, weights, loss, scheme, shape, 0.4, reset_gradient == "detached"
    )
    assert found.value == pytest.approx(value, rel=1e-12)
    assert min(train.sum() for train in trains) > 5  # there are spikes to compare in every layer
    for times, train in zip(found.spike_times, trains, strict=True):
        np.testing.assert_array_equal([t.size for t in times], train[:, 0].sum(0).detach().numpy())
    for a, b in zip(found, expected, strict=True):
        assert np.abs(b).max() > 0
        # rounding of 50 steps and two layers, relative to the largest entry; nothing here grows much
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * np.abs(b).max())


def test_reset_gradient_matters():
    neuron, inputs, weights = sample(3)
    kept, detached = (
        weight_gradient(
            neuron, inputs, weights, OnGrid(), "surrogate", t_max=T_MAX, dt=DT, reset_gradient=each
        )
        for each in ("kept", "detached")
    )
    assert np.abs(kept[0] - detached[0]).max() > 0.01 * np.abs(kept[0]).max()


def test_spike_times_lie_on_the_grid_and_silent_neurons_learn():
    neuron, inputs, weights = sample(1)
    weights[1][:, 2] = -1.0  # never fires
    found = weight_gradient(neuron, inputs, weights, OnGrid(), "surrogate", t_max=T_MAX, dt=DT)
    assert found.spike_times[1][2].size == 0 and found.diagnostics["silent"] >= 1
    assert np.abs(found[1][:, 2]).max() > 0
    times = np.concatenate(found.spike_times[0])
    np.testing.assert_allclose(times / DT, np.rint(times / DT), rtol=0, atol=1e-9)
    assert times.max() <= T_MAX


@pytest.mark.parametrize(("rounding", "step"), [("ceil", 2), ("nearest", 1), ("next", 2)])
def test_rounding_of_inputs(rounding, step):
    # one input at 1.4 steps and a threshold that a single spike passes in its own step
    neuron = CubaLIF(0.012, 0.006, v_threshold=1e-3)
    found = weight_gradient(
        neuron, [[1.4 * DT]], [np.ones((1, 1))], OnGrid(), "surrogate",
        t_max=T_MAX, dt=DT, scheme="backward_euler", rounding=rounding,
    )  # fmt: skip
    assert found.spike_times[0][0][0] == pytest.approx(step * DT, rel=1e-12)


def test_degenerate_inputs():
    neuron, _, weights = sample(0)
    for inputs in ([[]] * 4, [[T_MAX]] * 4, [[0.0]] * 4):
        for dt in (DT, 0.05):  # the longest step is several time constants, and the only one
            loss = OnGrid()
            loss.on_grid = lambda spikes, dt: (float(spikes.sum()), np.ones_like(spikes))
            found = weight_gradient(neuron, inputs, weights, loss, "surrogate", t_max=T_MAX, dt=dt)
            assert [part.shape for part in found] == [(4, 5), (5, 3)]
            assert all(np.isfinite(part).all() for part in found)
    silent = weight_gradient(neuron, [[]] * 4, weights, OnGrid(), "surrogate", t_max=T_MAX, dt=DT)
    assert silent.diagnostics["silent"] == 8 and not np.concatenate([p.ravel() for p in silent]).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(loss=lambda times: (0.0, times)), r"needs loss.on_grid\(spikes, dt\).*'implicit'"),
        (dict(reset_gradient="keep"), "reset_gradient must be one of.*did you mean 'kept'"),
        (dict(shape="gaussian"), "shape must be one of"),
        (dict(width=0.0), "width must be above 0"),
        (dict(dt=0.0), "dt must be above 0"),
        (dict(dt=1.0), "t_max must be at least one step"),
        (dict(t_max=0.02), "t_max must not lie before the last input"),
        (dict(rounding="floor"), "rounding must be one of"),
        (dict(input_times=[[0.002, 0.001]] + [[]] * 3), "sorted"),
        (dict(input_times=[[]] * 3), r"weights\[0\] must have shape \(3, n_out\)"),
    ],
)
def test_bad_input(changes, message):
    neuron, inputs, weights = sample()
    given = dict(neuron=neuron, input_times=inputs, weights=weights, loss=OnGrid(), t_max=T_MAX, dt=DT)
    with pytest.raises(ValueError, match=message):
        weight_gradient(**(given | changes), method="surrogate")


def test_bad_loss():
    neuron, inputs, weights = sample()
    for wrong in (0.0, (0.0, np.zeros(3)), (0.0, np.zeros((50, 4))), (np.nan, np.zeros((50, 3)))):
        loss = OnGrid()
        loss.on_grid = lambda spikes, dt, wrong=wrong: wrong
        with pytest.raises(ValueError, match=r"loss.on_grid"):
            weight_gradient(neuron, inputs, weights, loss, "surrogate", t_max=T_MAX, dt=DT)
