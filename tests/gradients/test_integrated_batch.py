"""Batches of the compiled ``integrated``: padded times, spike buffers that overflow, and the layer for torch."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.gradients import _integrated_numba, integrated

NEURON = CubaLIF(0.020, 0.0083, v_reset=-0.2, reset="to_value")
DT, T_MAX = 0.0037, 0.074


@pytest.mark.parametrize("points", ["events", "grid"])
def test_batches_are_their_samples(points):
    neuron, rng, room = NEURON, np.random.default_rng(19), 3
    padded = np.sort(rng.uniform(0, 0.07, (9, 6, 3)), axis=2)
    padded[rng.random((9, 6)) < 0.3, 1:] = np.inf
    weights = 0.03 * rng.normal(0.5, 1.0, (6, 5))
    options = dict(dt=DT, order=3, spike_placement="cubic", points=points)
    rule = integrated.rule_of(neuron, T_MAX, **options)
    times, counts, kept = _integrated_numba.forward(padded, weights, rule, room, 1000)
    assert counts.max() > room  # a spike buffer that overflows: later spikes carry nothing
    arriving = np.where(np.isfinite(times), rng.normal(size=times.shape), np.nan)
    to_weights, to_times = _integrated_numba.backward(kept, weights, rule, arriving, padded.shape, True)
    total = np.zeros_like(weights)
    for sample in range(9):
        senders = [row[np.isfinite(row)] for row in padded[sample]]
        spikes = integrated.layer_spikes(neuron, senders, weights, T_MAX, **options)
        for n, train in enumerate(spikes):
            assert counts[sample, n] == train.size
            np.testing.assert_array_equal(times[sample, n, : train.size], train[:room])
        given = [
            np.concatenate([arriving[sample, n, : train.size], np.zeros(max(0, train.size - room))])
            for n, train in enumerate(spikes)
        ]
        gradient, late = integrated.layer_gradient(neuron, senders, weights, spikes, given, T_MAX, **options)
        total += gradient
        for n, train in enumerate(late):
            np.testing.assert_allclose(
                to_times[sample, n, : train.size], train, atol=1e-12 * np.abs(late[0]).max()
            )
    np.testing.assert_allclose(to_weights, total, rtol=1e-12, atol=1e-14)  # sums in another order


@pytest.mark.parametrize("estimator", ["adjusted", "piggyback"])
@pytest.mark.parametrize("points", ["events", "grid"])
def test_batched_layer_for_torch(points, estimator):
    """The compiled layer against the one that goes through this module sample by sample; an overflowing buffer too."""
    torch = pytest.importorskip("torch")
    from snntheory.gradients import _integrated_layer, layers

    rng = np.random.default_rng(23)
    padded = np.sort(rng.uniform(0, 0.07, (5, 6, 3)), axis=2)
    padded[rng.random((5, 6)) < 0.3, 1:] = np.inf
    times, weights = torch.from_numpy(padded), torch.from_numpy(0.03 * rng.normal(0.7, 1.0, (6, 4)))
    options = dict(dt=DT, order=3, spike_placement="series", points=points, estimator=estimator)
    settings = layers.Settings(NEURON, T_MAX, 3, 1000, "integrated", options)
    results = []
    for run in (_integrated_layer.run, layers._reference):
        found, counts, back = run(times, weights, settings)
        arriving = torch.where(torch.isfinite(found), torch.cos(40 * found), torch.nan)
        results.append((found, counts, *back(torch.nan_to_num(arriving), True)))
    assert int(results[0][1].max()) > 3
    for ours, theirs in zip(*results, strict=True):
        scale = torch.where(torch.isfinite(theirs), theirs, 0).abs().max()
        # sums in another order
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=float(1e-11 * scale))
