"""Training and testing: it learns, it is reproducible, and it says what is wrong before it starts."""

import math

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.linear import UnstableStep
from snntheory.training import (
    CountCrossEntropy,
    FirstSpike,
    Latency,
    Network,
    Poisson,
    SpikeCount,
    evaluate,
    fit,
)
from snntheory.training.losses import decide
from snntheory.training.trainer import as_inputs, device_of, generator

NEURON = CubaLIF(0.020, 0.010)
ENCODER, LOSS = Poisson(window=0.060), CountCrossEntropy(3.0)
QUICK = {"encoder": ENCODER, "loss": LOSS, "epochs": 2, "batch_size": 16, "learning_rate": 0.01}


def weights(network):
    return [p.detach().clone() for p in network.parameters()]


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_it_learns_real_digits(digits):
    images, labels, test_images, test_labels = digits
    network = Network((784, 32, 10), NEURON, 0.004)
    before = evaluate(network, test_images, test_labels, encoder=ENCODER, loss=LOSS)
    history = fit(
        network,
        images,
        labels,
        encoder=ENCODER,
        loss=LOSS,
        epochs=8,
        batch_size=50,
        learning_rate=5e-3,
        validation=(test_images, test_labels),
    )
    after = evaluate(network, test_images, test_labels, encoder=ENCODER, loss=LOSS)
    assert before.accuracy < 0.25  # chance is 0.1
    assert history[-1]["accuracy"] > 0.85
    assert after.accuracy > 0.65  # 300 digits suffice for about 0.79; chance has a spread of 0.017
    assert history[-1]["loss"] < history[0]["loss"] / 3
    assert after.loss < before.loss
    # with the same seed, validation is the same evaluation
    assert (history[-1]["validation_accuracy"], history[-1]["validation_loss"]) == (
        after.accuracy,
        after.loss,
    )
    assert [entry["epoch"] for entry in history] == list(range(1, 9))
    assert after.n_samples == 300 and len(after.spikes) == 2


@pytest.mark.parametrize(
    ("encoder", "loss"),
    [
        (Latency(0.06, 0.02), FirstSpike(0.004, 0.05, 0.01)),
        (Poisson(0.06), SpikeCount(6.0, 0.0)),
        (Poisson(0.06, arrivals="poisson"), CountCrossEntropy()),
    ],
    ids=["latency-first", "poisson-count", "counts-entropy"],
)
def test_every_loss_and_encoder_learns(small, encoder, loss):
    images, labels, make = small
    network = make(gain=3.0)
    history = fit(
        network, images, labels, encoder=encoder, loss=loss, epochs=40, batch_size=10, learning_rate=0.02
    )
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    assert (
        evaluate(network, images, labels, encoder=encoder, loss=loss).accuracy > 0.75
    )  # chance is 1/3 +- 0.07


def test_the_seed_decides_bit_for_bit(small):
    images, labels, make = small
    runs = []
    for seed in (5, 5, 6):
        torch.manual_seed(len(runs))  # global generators play no part
        np.random.seed(len(runs))
        network = make(seed=1)
        history = fit(network, images, labels, seed=seed, **QUICK)
        runs.append((weights(network), [entry["loss"] for entry in history]))
    assert equal(runs[0][0], runs[1][0]) and runs[0][1] == runs[1][1]
    assert not equal(runs[0][0], runs[2][0])


def test_one_step_is_adam_on_the_surrogate_gradient(small):
    images, labels, make = small
    network, twin = make(), make()
    fit(network, images, labels, **QUICK | {"epochs": 1, "batch_size": 40, "learning_rate": 0.25})
    # the only batch holds every sample; its order is the permutation of the seed
    order = np.random.default_rng([0, 1, 1]).permutation(40)
    batch = torch.from_numpy(images[order].astype(np.float32))
    spikes = ENCODER(batch, 0.004, generator(torch.device("cpu"), 0, 2, 1, 0))
    LOSS(twin(spikes)[-1], torch.from_numpy(labels[order]), 0.004).backward()
    for own, other in zip(network.parameters(), twin.parameters(), strict=True):
        # Adam's first step is lr g / (|g| + 1e-8) (Kingma & Ba, algorithm 1 at t = 1)
        expected = other.detach() - 0.25 * other.grad / (other.grad.abs() + 1e-8)
        torch.testing.assert_close(own.detach(), expected, rtol=1e-5, atol=1e-6)  # float32


def test_the_learning_rate_decays_from_epoch_to_epoch(small):
    images, labels, make = small
    one, frozen, steady = make(), make(), make()
    fit(one, images, labels, **QUICK | {"epochs": 1})
    fit(frozen, images, labels, decay=1e-30, **QUICK | {"epochs": 3})  # nothing moves after the first epoch
    fit(steady, images, labels, **QUICK | {"epochs": 3})
    assert equal(weights(one), weights(frozen)) and not equal(weights(one), weights(steady))


def test_history_counts_every_sample_once(small):
    images, labels, make = small
    network = make()
    # a learning rate that moves nothing: the epoch's accuracy is that of the untrained network
    history = fit(network, images, labels, **QUICK | {"epochs": 1, "batch_size": 16, "learning_rate": 1e-30})
    right = loss = 0.0
    order = np.random.default_rng([0, 1, 1]).permutation(40)
    for step, first in enumerate((0, 16, 32)):
        chosen = order[first : first + 16]
        spikes = ENCODER(
            torch.from_numpy(images[chosen].astype(np.float32)),
            0.004,
            generator(torch.device("cpu"), 0, 2, 1, step),
        )
        output, goal = network(spikes)[-1], torch.from_numpy(labels[chosen])
        right += int((decide(output, 0.004, "count") == goal).sum())
        loss += LOSS(output, goal, 0.004).item() * len(chosen)
    assert history[0]["accuracy"] == pytest.approx(right / 40, rel=1e-12)
    assert history[0]["loss"] == pytest.approx(loss / 40, rel=1e-6)  # float32


def test_evaluation_does_not_depend_on_the_batch_where_nothing_is_random(small):
    images, labels, make = small
    network = make(gain=4.0)
    before = weights(network)
    results = [
        evaluate(network, images, labels, encoder=Latency(0.06, 0.02), loss=LOSS, batch_size=size)
        for size in (1, 7, 40, 1000)
    ]
    for result in results[1:]:
        assert result.accuracy == results[0].accuracy and result.spikes == results[0].spikes
        assert result.loss == pytest.approx(results[0].loss, rel=1e-5)  # means of float32
    layers = network.states(Latency(0.06, 0.02)(as_inputs(images), 0.004, torch.Generator()))
    expected = tuple(layer.spikes.sum().item() / 40 for layer in layers)
    assert results[0].spikes == pytest.approx(expected, rel=1e-12) and min(expected) > 0
    assert equal(before, weights(network))


def test_no_epochs_one_sample_and_a_batch_larger_than_the_data(small):
    images, labels, make = small
    network = make()
    before = weights(network)
    assert fit(network, images, labels, **QUICK | {"epochs": 0}) == []
    assert equal(before, weights(network))
    assert len(fit(network, images[:1], labels[:1], **QUICK)) == 2
    steps = []
    fit(network, images, labels, **QUICK | {"batch_size": 999}, after_step=lambda *at: steps.append(at))
    assert steps == [(1, 1), (2, 1)]


def test_bytes_and_fractions_are_the_same_images(small):
    _, labels, make = small
    pixels = np.random.default_rng(0).integers(0, 256, (40, 2, 3)).astype(np.uint8)
    a, b = make(), make()
    fit(a, pixels, labels, **QUICK)
    fit(b, pixels / np.float32(255), labels, **QUICK)
    assert equal(weights(a), weights(b))


def test_images_and_labels_that_are_none(small):
    images, labels, make = small
    bad = images.copy()
    bad[3, 2] = np.nan
    cases = [
        (bad, labels, ValueError, r"images must be finite, got NaN or infinity at index \[3, 2\]"),
        (images + 1, labels, ValueError, r"images must lie in \[0, 1\]"),
        (images - 1, labels, ValueError, r"images must lie in \[0, 1\]"),
        (images * 255, labels, ValueError, r"images must lie in \[0, 1\]"),
        (images[:, :5], labels, ValueError, "images must have 6 values each, as the network, got 5"),
        (images[0], labels, ValueError, r"images must have shape \(n, ...\)"),
        (images[:0], labels[:0], ValueError, "n at least 1"),
        ([["a"] * 6], [0], TypeError, "images must be an array of real numbers"),
        (images, labels[:-1], ValueError, "labels must be 40 integers, one for each image"),
        (images, labels.astype(float), ValueError, "labels must be 40 integers"),
        (images, labels + 1, ValueError, r"labels must lie in 0 .. 2, got 1 .. 3"),
        (images, labels - 1, ValueError, r"labels must lie in 0 .. 2, got -1 .. 1"),
    ]
    for wrong_images, wrong_labels, kind, message in cases:
        network = make()
        before = weights(network)
        with pytest.raises(kind, match=message):
            fit(network, wrong_images, wrong_labels, **QUICK)
        with pytest.raises(kind, match=message):
            evaluate(network, wrong_images, wrong_labels, encoder=ENCODER, loss=LOSS)
        # and as validation, before the first step rather than after the first epoch
        with pytest.raises(kind, match=message):
            fit(network, images, labels, validation=(wrong_images, wrong_labels), **QUICK)
        assert equal(before, weights(network))


def test_wrong_settings(small):
    images, labels, make = small
    for name, value in [
        ("epochs", -1),
        ("epochs", 1.5),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("decay", 0.0),
        ("seed", -1),
        ("checkpoint_every", 0.0),
    ]:
        with pytest.raises((ValueError, TypeError), match=f"{name} must be"):
            fit(make(), images, labels, **QUICK | {name: value})
    with pytest.raises(ValueError, match="resume needs checkpoint"):
        fit(make(), images, labels, resume=True, **QUICK)


@pytest.mark.parametrize("device", ["tpu", "mps", "meta", "cuda:x", "", None, 0])
def test_devices_that_are_none(device):
    with pytest.raises(ValueError, match="device must be 'cpu', 'cuda' or 'cuda:N'"):
        device_of(device)


def test_cuda_that_is_not_there(small, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    images, labels, make = small
    for device in ("cuda", "cuda:3"):
        with pytest.raises(ValueError, match="sees no GPU; use 'cpu'"):
            fit(make(), images, labels, device=device, **QUICK)


@pytest.mark.parametrize(("scheme", "dt"), [(("forward_euler",), 0.02), (("parker_sochacki", 2), 0.021)])
def test_a_scheme_that_is_unstable_at_this_time_step_is_refused(small, scheme, dt):
    images, labels, _ = small
    with pytest.warns(UnstableStep):
        network = Network((6, 8, 3), NEURON, dt, *scheme)
    with pytest.raises(ValueError, match=r"dt must be below 0.02 s .*unstable at 0.02.*smaller dt"):
        fit(network, images, labels, **QUICK)
    # to look at it is allowed
    assert evaluate(network, images, labels, encoder=Poisson(0.06, 20.0), loss=LOSS).n_samples == 40


def test_a_gradient_that_is_not_finite_stops_the_training(small, tmp_path):
    images, labels, make = small
    network, path = make(), tmp_path / "model.pt"

    def overflow(epoch, step):
        if (epoch, step) == (2, 1):
            next(network.parameters()).data[0, 0] = torch.inf

    # infinity times no spike is no number, and what is no number does not fire: the loss itself stays finite
    with pytest.raises(FloatingPointError, match=r"loss \(\d.*epoch 2, step 2; try a smaller learning_rate"):
        fit(network, images, labels, checkpoint=path, after_step=overflow, **QUICK | {"epochs": 3})
    resumed, whole = make(), make()
    fit(resumed, images, labels, checkpoint=path, resume=True, **QUICK | {"epochs": 3})
    fit(whole, images, labels, **QUICK | {"epochs": 3})
    assert equal(weights(resumed), weights(whole))


def test_every_purpose_has_random_numbers_of_its_own():
    cpu = torch.device("cpu")
    draws = {
        key: tuple(torch.rand(3, generator=generator(cpu, *key)).tolist())
        for key in [(0, 2, 1, 0), (0, 2, 1, 1), (0, 2, 2, 0), (0, 3, 1), (1, 2, 1, 0), (0, 4, 1, 0)]
    }
    assert len(set(draws.values())) == len(draws)
    assert draws[(0, 2, 1, 0)] == tuple(torch.rand(3, generator=generator(cpu, 0, 2, 1, 0)).tolist())


def test_progress_is_shown_where_it_is_asked_for(small, capsys):
    images, labels, make = small
    history = fit(make(), images, labels, validation=(images, labels), progress=True, **QUICK)
    shown = capsys.readouterr().out
    assert f"epoch 2/2, mean loss {history[-1]['loss']:.3f}" in " ".join(shown.split())  # of the whole epoch
    assert "epoch 1: loss" in shown and "test accuracy" in shown and "6/6" in shown
    fit(make(), images, labels, **QUICK)
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
@pytest.mark.parametrize("reset", ["subtract", "to_value", "none"])
def test_cuda_does_what_the_cpu_does(reset, tmp_path):
    from snntheory import CubaLIF
    from snntheory.training import CountCrossEntropy, Latency, Network, datasets, evaluate, fit, record

    images, labels = (part[:64] for part in datasets.mnist_subset("train"))
    settings = dict(encoder=Latency(window=0.05, last=0.025), loss=CountCrossEntropy(3.0), seed=0)
    results = {}
    for device in ("cpu", "cuda"):
        network = Network((784, 20, 10), CubaLIF(0.02, 0.01, reset=reset, v_reset=-0.1), 0.002, seed=3)
        path = tmp_path / f"{device}.pt"
        fit(network, images, labels, epochs=1, batch_size=32, device=device, checkpoint=path, **settings)
        fit(
            network,
            images,
            labels,
            epochs=2,
            batch_size=32,
            device=device,
            checkpoint=path,
            resume=True,
            **settings,
        )
        traces = record(network, images[:4], encoder=settings["encoder"], device=device)
        results[device] = evaluate(network, images, labels, device=device, **settings), traces
    # float32 sums in another order: a spike may flip, a trained weight differs in its last digits
    assert results["cuda"][0].loss == pytest.approx(results["cpu"][0].loss, rel=0.02)
    different = results["cuda"][1]["spikes"] != results["cpu"][1]["spikes"]
    assert float(different.mean()) < 0.01
