"""Layers, networks and batches: against single neurons, against each other, against their own fixed point."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.spiking import (
    SpikeBatch,
    SpikeLimitReached,
    exact_batch,
    exact_network,
    exact_spike_times,
    merge_inputs,
)

NEURONS = {
    "quadratic": CubaLIF(0.020, 0.010),
    "inverse": CubaLIF(0.010, 0.020, reset="to_value", v_reset=-0.2),
    "equal": CubaLIF(0.015, 0.015),
    "general": CubaLIF(0.020, 0.013, r=1.4, reset="to_value"),
    "linear": CubaLIF(0.020, 0.007, reset="none"),
}


@pytest.fixture(params=["reference", "numba"])
def backend(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


def random_inputs(n_in, rng, rate=60.0, duration=0.1):
    return [np.sort(np.round(rng.uniform(0, duration, rng.poisson(rate * duration)), 3)) for _ in range(n_in)]


def random_batch(n_in, batch, seed=0):
    rng = np.random.default_rng(seed)
    return SpikeBatch.from_lists([random_inputs(n_in, rng) for _ in range(batch)])


def close(a: SpikeBatch, b: SpikeBatch):
    """The same spikes; times to 1e-12 s, a hundred roundings of terms about ten times the threshold."""
    assert np.array_equal(a.starts, b.starts) and np.array_equal(a.counts(), b.counts())
    np.testing.assert_allclose(a.padded(), b.padded(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", NEURONS)
def test_a_layer_is_its_neurons(kind, backend):
    rng = np.random.default_rng(1)
    inputs, weights = random_inputs(20, rng), rng.uniform(-0.01, 0.03, (20, 7))
    (layer,) = exact_network(NEURONS[kind], inputs, [weights], 0.15, backend=backend)
    assert sum(map(len, layer)) > 5
    for j, spikes in enumerate(layer):
        alone = exact_spike_times(NEURONS[kind], *merge_inputs(inputs, weights[:, j]), 0.15)
        np.testing.assert_allclose(spikes, alone, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", NEURONS)
def test_backends_agree_on_three_layers(kind):
    pytest.importorskip("numba")
    rng = np.random.default_rng(2)
    sizes = (10, 8, 6, 3)
    weights = [rng.uniform(-0.01, 0.04, shape) for shape in zip(sizes[:-1], sizes[1:], strict=True)]
    inputs = random_batch(10, 2)
    a, b = (
        exact_batch(NEURONS[kind], inputs, weights, 0.15, backend=name) for name in ("reference", "numba")
    )
    assert [len(each) for each in a] == [2, 2, 2] and all(len(each.times) > 2 for each in a)
    for x, y in zip(a, b, strict=True):
        close(x, y)


@pytest.mark.parametrize("kind", NEURONS)
def test_backends_agree_on_recurrent_layers(kind):
    pytest.importorskip("numba")
    rng = np.random.default_rng(3)
    weights = [rng.uniform(-0.01, 0.03, (15, 9)), rng.uniform(-0.01, 0.03, (9, 4))]
    among = [rng.normal(0, 0.004, (9, 9)), None]
    inputs = random_batch(15, 3)
    a, b = (
        exact_batch(NEURONS[kind], inputs, weights, 0.15, among, backend=name)
        for name in ("reference", "numba")
    )
    assert len(a[0].times) > 20
    for x, y in zip(a, b, strict=True):
        close(x, y)


@pytest.mark.parametrize("kind", NEURONS)
def test_a_recurrent_layer_is_the_fixed_point_of_its_own_spikes(kind, backend):
    rng = np.random.default_rng(4)
    inputs, weights, among = (
        random_inputs(12, rng),
        rng.uniform(-0.01, 0.04, (12, 6)),
        rng.normal(0, 0.006, (6, 6)),
    )
    (layer,) = exact_network(NEURONS[kind], inputs, [weights], 0.15, [among], backend=backend)
    (without,) = exact_network(NEURONS[kind], inputs, [weights], 0.15, backend=backend)
    assert sum(map(len, layer)) > 5
    assert [x.tolist() for x in layer] != [x.tolist() for x in without]  # the recurrence does something
    for j, spikes in enumerate(layer):
        # its own spikes a little late: an input at the very crossing would make that a question of rounding
        others = [train + 1e-13 * (k == j) for k, train in enumerate(layer)]
        times, given = merge_inputs([*inputs, *others], np.concatenate([weights[:, j], among[:, j]]))
        again = exact_spike_times(NEURONS[kind], times, given, 0.15)
        np.testing.assert_allclose(again, spikes, rtol=0, atol=1e-10)  # 1e-13 s, enlarged by flat crossings


def test_no_recurrent_weights_is_no_recurrence(backend):
    inputs, weights = random_batch(10, 2), np.full((10, 5), 0.02)
    (a,) = exact_batch(NEURONS["general"], inputs, [weights], 0.15, backend=backend)
    (b,) = exact_batch(NEURONS["general"], inputs, [weights], 0.15, [np.zeros((5, 5))], backend=backend)
    close(a, b)


def test_neurons_alike_fire_together(backend):
    neuron = NEURONS["quadratic"]
    among = np.full((3, 3), -0.02)
    (layer,) = exact_network(neuron, [[0.0]], [np.full((1, 3), 0.06)], 0.1, [among], backend=backend)
    assert [len(each) for each in layer] == [1, 1, 1]
    assert layer[0] == layer[1] == layer[2]


def test_a_spike_inhibits_only_what_comes_later(backend):
    # neuron 0 fires first; its inhibition keeps neuron 1, which would have fired later, silent
    weights, among = np.array([[0.08, 0.06]]), np.array([[0.0, -0.05], [0.0, 0.0]])
    neuron = NEURONS["quadratic"]
    (alone,) = exact_network(neuron, [[0.0]], [weights], 0.05, backend=backend)
    (linked,) = exact_network(neuron, [[0.0]], [weights], 0.05, [among], backend=backend)
    assert len(alone[1]) == 1 and len(linked[1]) == 0
    assert np.array_equal(alone[0], linked[0])


def test_many_spikes_between_two_inputs_stay_sorted_by_time(backend):
    weights = np.linspace(0.5, 1.0, 20)[None]  # hundreds of spikes in one interval, in twenty neurons
    (batch,) = exact_batch(
        NEURONS["general"], SpikeBatch.from_lists([[[0.0]]]), [weights], 0.2, backend=backend
    )
    assert len(batch.times) > 300 and np.all(np.diff(batch.times) >= 0)
    for j in range(20):
        alone = exact_spike_times(NEURONS["general"], [0.0], weights[0, j], 0.2)
        np.testing.assert_allclose(batch.times[batch.neurons == j], alone, rtol=0, atol=1e-13)


def test_one_neuron_per_layer_kind_and_empty_samples(backend):
    inputs = SpikeBatch.from_lists([[[]] * 3, [[0.01], [0.02], []]])
    weights = [np.full((3, 2), 0.06), np.full((2, 1), 0.06)]
    first, second = exact_batch(
        [NEURONS["quadratic"], NEURONS["equal"]], inputs, weights, 0.1, backend=backend
    )
    assert first.counts().tolist()[0] == [0, 0] and first.counts()[1].min() > 0
    assert second.counts()[1, 0] > 0
    (nobody,) = exact_batch(NEURONS["equal"], inputs, [np.zeros((3, 0))], 0.1, backend=backend)
    assert nobody.n_neurons == 0 and len(nobody.times) == 0


def test_the_result_does_not_depend_on_the_number_of_threads():
    numba = pytest.importorskip("numba")
    inputs = random_batch(30, 8)
    weights = np.random.default_rng(0).uniform(-0.01, 0.02, (30, 50))
    most = numba.get_num_threads()
    try:
        found = []
        for threads in (1, most):
            numba.set_num_threads(threads)
            found.append(exact_batch(NEURONS["general"], inputs, [weights], 0.15)[0])
    finally:
        numba.set_num_threads(most)
    assert np.array_equal(found[0].times, found[1].times) and np.array_equal(
        *(each.neurons for each in found)
    )


def test_more_spikes_than_the_first_guess_of_room():
    pytest.importorskip("numba")
    (batch,) = exact_batch(NEURONS["quadratic"], SpikeBatch.from_lists([[[0.0]]]), [[[5.0, 5.0]]], 0.2)
    assert batch.counts().min() > 100  # the compiled backend begins with 8 a neuron and 64


def test_the_limit_names_layer_sample_and_neuron(backend):
    inputs = SpikeBatch.from_lists([[[]], [[0.0]]])
    weights = [np.array([[0.06, 0.06]]), np.array([[0.0, 2.0], [0.0, 2.0]])]
    message = "neuron 1 of layer 1 in sample 1 fired more than max_spikes=9 times"
    with pytest.raises(SpikeLimitReached, match=message):
        exact_batch(NEURONS["quadratic"], inputs, weights, 0.2, max_spikes=9, backend=backend)
    with pytest.raises(SpikeLimitReached, match="neuron 0 of layer 0 in sample 0"):
        exact_network(
            NEURONS["quadratic"], [[0.0]], [[[0.1]]], 0.5, [[[1.0]]], max_spikes=50, backend=backend
        )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(input_times=[[0.1]]), ValueError, r"weights\[0\] must have shape \(1, n_out\)"),
        (dict(input_times=[[0.2, 0.1], []]), ValueError, "times of neuron 0 in sample 0 must be sorted"),
        (dict(input_times=[[0.1], [-0.1]]), ValueError, "times of neuron 1 in sample 0 must be at least 0"),
        (dict(weights=[np.full((2, 3), np.nan)]), ValueError, r"weights\[0\] must be finite"),
        (dict(weights=np.ones((2, 3))), TypeError, r"write \[weights\]"),
        (dict(t_max=0.05), ValueError, "t_max must not lie before the last input"),
        (dict(recurrent=[np.ones((2, 2))]), ValueError, r"recurrent\[0\] must have shape \(3, 3\)"),
        (dict(recurrent=[]), ValueError, "recurrent has 0 entries for 1 layers"),
        (dict(neurons=[NEURONS["equal"]] * 2), ValueError, "neurons has 2 entries for 1 layers"),
        (dict(neurons=["lif"]), TypeError, "neurons must be a CubaLIF or one per layer"),
    ],
)
def test_bad_input(change, error, message):
    arguments = dict(neurons=NEURONS["equal"], input_times=[[0.1], []], weights=[np.ones((2, 3))], t_max=1.0)
    with pytest.raises(error, match=message):
        exact_network(**(arguments | change))


def test_a_batch_wants_its_own_type():
    with pytest.raises(TypeError, match="SpikeBatch.from_lists makes one"):
        exact_batch(NEURONS["equal"], [[[0.1]]], [np.ones((1, 1))], 1.0)


def test_spike_batch_there_and_back():
    samples = [[[0.1, 0.3], [], [0.2]], [[], [], []], [[0.4], [0.4], [0.0, 0.4]]]
    batch = SpikeBatch.from_lists(samples)
    assert [[x.tolist() for x in sample] for sample in batch.to_lists()] == samples
    assert batch.times.tolist() == [0.1, 0.2, 0.3, 0.0, 0.4, 0.4, 0.4]
    assert batch.neurons.tolist() == [0, 2, 0, 2, 0, 1, 2]
    assert batch.counts().tolist() == [[2, 0, 1], [0, 0, 0], [1, 1, 2]]
    padded = batch.padded()
    assert padded.shape == (3, 3, 2) and np.isnan(padded[1]).all() and padded[2, 2].tolist() == [0.0, 0.4]
    assert repr(batch) == "SpikeBatch(3 samples, 3 neurons, 7 spikes)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.2, 0.1], [0, 0], [0, 2], 1), r"times\[1\]=0.1 comes after 0.2"),
        (([0.1], [1], [0, 1], 1), "neurons must lie between 0 and 0"),
        (([0.1], [0.0], [0, 1], 1), "neurons must be a 1-D array of integers"),
        (([0.1], [0], [0, 2], 1), "starts must rise from 0"),
        (([0.1, 0.2], [0], [0, 2], 1), "give one neuron per spike"),
        (([np.inf], [0], [0, 1], 1), "times must be finite"),
    ],
)
def test_spike_batch_refuses_what_does_not_fit(arguments, message):
    times, neurons, starts, n_neurons = arguments
    with pytest.raises(ValueError, match=message):
        SpikeBatch(np.array(times), np.array(neurons), np.array(starts), n_neurons)
    assert len(SpikeBatch(np.array([0.2, 0.1]), np.array([0, 0]), np.array([0, 1, 2]), 1)) == 2


def test_samples_of_different_size_are_refused():
    with pytest.raises(ValueError, match="sample 1 has 1"):
        SpikeBatch.from_lists([[[], []], [[]]])
    with pytest.raises(ValueError, match="samples is empty"):
        SpikeBatch.from_lists([])


def test_the_trainer_offers_it_without_torch():
    from snntheory import training

    neuron = NEURONS["quadratic"]
    layers = training.exact_forward(neuron, [[0.0], []], [np.full((2, 3), 0.06), np.full((3, 1), 0.06)], 0.1)
    assert [len(each) for each in layers] == [3, 1]
    np.testing.assert_allclose(layers[0][0], exact_spike_times(neuron, [0.0], 0.06, 0.1), rtol=1e-15)
