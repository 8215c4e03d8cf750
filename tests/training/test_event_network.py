"""Networks of spike times: the exact network in a batch, trained by the exact gradient, resumed bit for bit."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.gradients import weight_gradient
from snntheory.training import (
    CountCrossEntropy,
    EventNetwork,
    FanIn,
    FirstSpike,
    Latency,
    MeanVoltage,
    Network,
    Normal,
    Poisson,
    SpikeCount,
    Uniform,
    datasets,
    evaluate,
    exact_forward,
    fit,
    load_network,
    record,
)
from snntheory.training import checkpoint as checkpoints
from snntheory.training.initial import from_settings, of_layers, settings
from snntheory.training.losses import for_sample

NEURON = CubaLIF(0.020, 0.010)
ENCODER = Latency(window=0.06, last=0.05, zero_is_silent=False, bias=(0.01,))
LOSS = FirstSpike(0.005, 0.05, 0.02)
QUICK = {"encoder": ENCODER, "loss": LOSS, "batch_size": 16, "learning_rate": 0.02, "decay": 0.9}


FIRING = {
    "initial": (Normal(0.6, 0.4), Normal(0.5, 0.2)),  # nobody starts silent
    "max_spikes": (30, 1),
    "overflow": "drop",
}


def network(sizes=(5, 12, 3), t_max=0.12, **options):
    return EventNetwork(sizes, options.pop("neuron", NEURON), t_max, **({"gain": 3.0, "seed": 1} | options))


@pytest.fixture(scope="module")
def points():
    features, labels = datasets.yin_yang("train")
    return 1 - features[:60], labels[:60]


def inputs(images):
    return ENCODER.times(torch.from_numpy(images.astype(np.float32)))


def test_the_layers_are_the_exact_network(points):
    net, given = network(), inputs(points[0])
    weights = [part.numpy() for part in net.weights()]
    layers = net(given)
    for sample in range(3):
        trains = [row[np.isfinite(row)] for row in given[sample].numpy()]
        expected = exact_forward(NEURON, trains, weights, 0.12)
        for found, wanted in zip(layers, expected, strict=True):
            for row, train in zip(found[sample].detach().numpy(), wanted, strict=True):
                np.testing.assert_allclose(row[np.isfinite(row)], train, rtol=1e-12)  # rounding


@pytest.mark.parametrize("loss", [LOSS, SpikeCount(3.0, 1.0)], ids=["first", "count"])
@pytest.mark.parametrize("method", ["adjoint", "implicit"])
def test_the_gradient_is_that_of_weight_gradient(points, loss, method):
    net, (images, labels) = network(method=method), points
    given = inputs(images[:4])
    net.judge(loss, given, torch.from_numpy(labels[:4])).value.backward()
    expected = [np.zeros(shape) for shape in ((5, 12), (12, 3))]
    for sample in range(4):
        trains = [row[np.isfinite(row)] for row in given[sample].numpy()]
        one = for_sample(loss, int(labels[sample]), 0.12)
        parts = weight_gradient(NEURON, trains, [w.numpy() for w in net.weights()], one, t_max=0.12)
        expected = [a + b / 4 for a, b in zip(expected, parts, strict=True)]
    for own, unit, wanted in zip(net.parameters(), net._units, expected, strict=True):
        np.testing.assert_allclose(own.grad / unit, wanted, rtol=1e-8, atol=1e-10 * np.abs(wanted).max())


def test_it_learns_yin_yang(points):
    net = network((5, 30, 3), looks=(0.02,), **FIRING)
    before = evaluate(net, *points, encoder=ENCODER, loss=LOSS)
    history = fit(net, *points, epochs=40, **QUICK)
    after = evaluate(net, *points, encoder=ENCODER, loss=LOSS)
    assert after.loss < 0.6 * before.loss and after.accuracy > 0.8  # chance is 1/3 +- 0.06
    assert history[-1]["accuracy"] > 0.75 and 0 <= history[-1]["silent_outputs"] < 0.5
    assert len(after.silent) == 2 and after.spikes[1] > 3  # those that found no room are counted


def test_a_poisson_input_and_counts_learn_too(small):
    images, labels, _ = small
    encoder, loss = Poisson(0.06), CountCrossEntropy(2.0)
    net = EventNetwork((images.shape[1], 12, 3), NEURON, 0.08, gain=3.0, max_spikes=60, overflow="drop")
    history = fit(
        net, images, labels, encoder=encoder, loss=loss, epochs=25, batch_size=10, learning_rate=0.02
    )
    # the derivative of a count is only assumed, so less is asked of it than of a loss of times
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]


LOOK = 0.017


def test_shorter_looks_change_nothing(points):
    images, labels = points
    goal, given = torch.from_numpy(labels), inputs(images)
    whole, looked = network(**FIRING), network(looks=(0.015, LOOK), **FIRING)
    for net in (whole, looked):
        judged = net.judge(LOSS, given, goal)
        judged.value.backward()
        net.judged = judged
    first = whole(given)[-1][..., 0].detach()
    assert (first <= LOOK).all(1).any() and not (first <= LOOK).all(1).all()  # both cases occur
    # the same crossings, bracketed by another end of the window: a few units in the last place
    torch.testing.assert_close(looked.judged.value, whole.judged.value, rtol=1e-12, atol=0)
    assert torch.equal(looked.judged.decided, whole.judged.decided)
    for a, b in zip(looked.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-12 * b.grad.abs().max().item())


def test_a_killed_training_goes_on_bit_for_bit(points, tmp_path):
    class Killed(Exception):
        pass

    def kill(epoch, step):
        if (epoch, step) == (2, 2):
            raise Killed

    make = lambda: network(max_spikes=(30, 1), overflow="drop", looks=(0.05,))  # noqa: E731
    whole, cut = make(), make()
    options = QUICK | {"epochs": 3, "checkpoint_every": 1e-9}
    history = fit(whole, *points, checkpoint=tmp_path / "whole.pt", **options)
    with pytest.raises(Killed):
        fit(cut, *points, checkpoint=tmp_path / "cut.pt", after_step=kill, **options)
    resumed = make()
    again = fit(resumed, *points, checkpoint=tmp_path / "cut.pt", resume=True, **options)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    for one, other in zip(history, again, strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {
            k: v for k, v in other.items() if k != "seconds"
        }
    loaded, encoder, loss = load_network(tmp_path / "cut.pt")
    assert isinstance(loaded, EventNetwork) and loaded.settings() == whole.settings()
    assert (encoder, loss) == (ENCODER, LOSS)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), loaded.parameters(), strict=True))


def test_another_network_does_not_resume(points, tmp_path):
    fit(network(), *points, epochs=1, checkpoint=tmp_path / "a.pt", **QUICK)
    with pytest.raises(checkpoints.CheckpointError, match="t_max was 0.12, now 0.13"):
        fit(network(t_max=0.13), *points, epochs=1, checkpoint=tmp_path / "a.pt", resume=True, **QUICK)


def test_settings_and_variants():
    net = network(initial=(Normal(1.5, 0.8), Uniform()), unit="jump", max_spikes=(20, 1), overflow="drop")
    again = EventNetwork.from_settings(net.settings())
    assert again.settings() == net.settings()
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
    longer = net.variant(t_max=0.2, max_spikes=40)
    assert longer.t_max == 0.2 and longer.max_spikes == (40, 40)
    slower = net.variant(neuron=replace(NEURON, tau_syn=0.015))  # another unit, the same canonical weights
    for a, b, c in zip(net.weights(), longer.weights(), slower.weights(), strict=True):
        assert torch.equal(a, b)
        torch.testing.assert_close(a, c, rtol=1e-15, atol=0)
    with pytest.raises(ValueError, match="variant cannot change dt"):
        net.variant(dt=0.001)
    assert "EventNetwork((5, 12, 3)" in repr(net) and "t_max=0.12" in repr(net)


def test_on_a_grid_it_is_the_network_with_its_weights(points):
    net = network()
    grid = net.on_grid(1e-4)
    for a, b in zip(net.weights(), grid.weights(), strict=True):
        torch.testing.assert_close(a.float(), b, rtol=1e-6, atol=0)  # float32
    times = net(inputs(points[0]))[-1]
    spikes = grid(ENCODER(torch.from_numpy(points[0].astype(np.float32)), 1e-4, None))[-1]
    seen = (spikes.sum(0) > 0) & (times[..., 0] < 0.059)
    first = 1e-4 * (1 + (spikes.cumsum(0) == 0).sum(0))
    # ten time constants of 1 ms each are a thousand steps: first spikes within a few steps of the exact ones
    assert seen.sum() > 50
    assert (first - times[..., 0])[seen].abs().median() < 4e-4


def test_initial_weights():
    net = network((400, 300, 3), initial=[Normal(1.5, 0.8), Uniform(-1, 1)], unit="jump")
    hidden, output = (part.numpy() / NEURON.tau_syn for part in net.weights())
    n = hidden.size
    assert hidden.mean() == pytest.approx(1.5, abs=5 * 0.8 / math.sqrt(n))  # five standard errors
    assert hidden.std() == pytest.approx(0.8, abs=5 * 0.8 / math.sqrt(2 * n))
    assert -1 <= output.min() < -0.9 and 0.9 < output.max() <= 1
    same = network((400, 300, 3), gain=2.0)
    grid = Network((400, 300, 3), NEURON, 0.001, gain=2.0, seed=1)
    for a, b in zip(same.weights(), grid.weights(), strict=True):
        torch.testing.assert_close(a.float(), b, rtol=1e-6, atol=0)  # the same draw, float32
    for each in (FanIn(2.0), Normal(1.0, 0.0), Uniform(-2, 3)):
        assert from_settings(settings(each)) == each
    with pytest.raises(ValueError, match="low must be at most high"):
        Uniform(1, -1)
    with pytest.raises(ValueError, match="std must be at least 0"):
        Normal(0, -1)
    with pytest.raises(ValueError, match="one for each of 2 layers, got 1"):
        of_layers([FanIn()], 2)
    with pytest.raises(TypeError, match="initial must be FanIn, Normal or Uniform"):
        of_layers([FanIn(), "normal"], 2)


@pytest.mark.parametrize("looks", [(), (0.01,)])
def test_an_input_after_the_window_is_an_error(points, looks):
    """The encoder's latest inputs come after 20 ms; only a look may leave out what comes after it."""
    net = network(t_max=0.02, looks=looks, max_spikes=(30, 1), overflow="drop")
    with pytest.raises(ValueError, match="t_max must not lie before the last spike"):
        fit(net, *points, epochs=1, **QUICK)


def test_wrong_arguments(points):
    for options, match in [
        ({"method": "surrogate"}, r"works on a grid: use Network\(..., gradient='surrogate'\)"),
        ({"method": "adjont"}, "did you mean 'adjoint'"),
        ({"max_spikes": (1, 2, 3)}, "one for each of 2 layers, got 3"),
        ({"max_spikes": 0}, "max_spikes must be at least 1"),
        ({"overflow": "forget"}, "overflow must be one of"),
        ({"unit": "volt"}, "unit must be one of"),
        ({"looks": (0.2,)}, "looks must rise and lie below t_max"),
        ({"looks": (0.05,)}, "looks needs max_spikes 1"),
        ({"t_max": 0.0}, "t_max must be above 0"),
    ]:
        with pytest.raises(ValueError, match=match):
            network(**options)
    with pytest.raises(ValueError, match="'closed_form' needs reset='subtract'"):
        network(neuron=replace(NEURON, reset="to_value"), method="closed_form")
    net = network()
    with pytest.raises(ValueError, match="MeanVoltage reads voltages"):
        fit(net, *points, epochs=1, **QUICK | {"loss": MeanVoltage()})
    with pytest.raises(
        ValueError, match="images must have 4 values each, as the network, beside 1 of the encoder"
    ):
        fit(net, np.zeros((3, 5)), [0, 1, 2], epochs=1, **QUICK)
    with pytest.raises(ValueError, match=r"times must be a tensor of shape \(batch, 5, n_spikes\)"):
        net(torch.zeros(2, 4, 1))
    with pytest.raises(TypeError, match=r"record network.on_grid\(dt\)"):
        record(net, points[0], encoder=ENCODER)
    with pytest.raises(ValueError, match="probability_per_step has no spike times"):
        Poisson(0.06, probability_per_step=True).times(torch.zeros(1, 2), torch.Generator())


def test_an_output_that_never_fires_trains_to_nothing(points):
    net = network(gain=1e-3, max_spikes=(30, 1), overflow="drop")
    before = [part.clone() for part in net.weights()]
    history = fit(net, *points, epochs=1, **QUICK)
    assert history[0]["silent_outputs"] == 1.0  # it is said, not hidden
    assert all(torch.equal(a, b) for a, b in zip(before, net.weights(), strict=True))


def test_a_bump_lifts_outputs_that_are_silent_in_their_own_class(points):
    images, labels = points
    goal, given = torch.from_numpy(labels), inputs(images)
    quiet = FIRING | {"initial": (Normal(0.9, 0.2), Normal(0.005, 0.0))}
    plain, bumped, looked = (
        network(**quiet, **more) for more in ({}, {"bump": 0.5}, {"bump": 0.5, "looks": (0.02,)})
    )
    for net in (plain, bumped, looked):
        net.judged = net.judge(LOSS, given, goal)
        net.judged.value.backward()
    assert bumped.judged.value == plain.judged.value and not (bumped(given)[-1].isfinite()).any()
    arrived = plain(given)[0].isfinite().sum(2).double()
    expected = torch.zeros(12, 3, dtype=torch.float64)
    for sample, label in enumerate(labels):
        expected[:, label] -= 0.5 * arrived[sample] / 60  # a mean over 60 samples
    assert expected.abs().min() > 0
    for net in (bumped, looked):
        own = [part.grad for part in net.parameters()]
        torch.testing.assert_close(own[1], expected, rtol=1e-12, atol=0)
        assert (own[0] == 0).all() and (next(plain.parameters()).grad == 0).all()
    with pytest.raises(ValueError, match="bump must be at least 0"):
        network(bump=-1.0)
