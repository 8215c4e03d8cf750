"""Source 004's convolutional networks: notation, the pair that is compared, and the run from end to end."""

from dataclasses import replace

import numpy as np
import pytest

from snntheory import artefacts
from snntheory.experiments import convolutional
from snntheory.experiments.convolutional import CIFAR_10, MNIST, N_MNIST, Settings, layers_of, network, run
from snntheory.training import Conv, Dense, Pool, datasets


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    import numba
    import torch

    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(before[0])
    numba.set_num_threads(before[1])


def test_notation_of_the_source():
    assert layers_of("15C5-P2-300", 10, 1) == [Conv(15, 5, padding=1), Pool(2), Dense(300), Dense(10)]
    for wrong in ("15C5-2P", "", "15c5"):
        with pytest.raises(ValueError, match="network must be parts such as 15C5"):
            layers_of(wrong, 10)


def test_networks_of_table_3_have_the_shapes_that_their_names_say():
    settings = Settings()
    mnist, n_mnist = (network(settings, task, "kept", 0) for task in (MNIST, N_MNIST))
    assert mnist.shapes == ((1, 28, 28), (15, 24, 24), (40, 8, 8), (300,), (10,))
    assert n_mnist.shapes == ((2, 34, 34), (12, 30, 30), (64, 11, 11), (10,))
    # 36 million weights are not drawn for this
    layers = layers_of(CIFAR_10.network, 10, CIFAR_10.padding)
    from snntheory.training.connections import stages

    shapes = [stage.shape for stage in stages(CIFAR_10.shape, layers)]
    assert shapes[2:5] == [(384, 16, 16), (384, 8, 8), (256, 8, 8)] and shapes[-3:] == [
        (1024,),
        (1024,),
        (10,),
    ]
    assert [task.steps for task in (MNIST, N_MNIST, CIFAR_10)] == [30, 5, 5]  # table 3
    one = mnist.models[0]
    np.testing.assert_allclose(one.A, [[1 - 1 / 6, 1], [0, 1 - 1 / 2]], rtol=1e-12)  # equations (1) and (2)


def test_both_paths_start_from_the_same_weights_and_differ_in_their_gradient():
    settings = Settings().quick()
    task = settings.tasks[0]
    kept, cut = (network(settings, task, path, 0) for path in ("kept", "detached"))
    for a, b in zip(kept.weights(), cut.weights(), strict=True):
        assert (a == b).all()
    cosine, ratio = convolutional.first_gradients(settings, task, 0)
    assert (cosine < 1).all() and (cosine > 0.5).all()
    # the term damps what comes through time, the more the more layers it goes through; the output's is nearly the same
    assert ratio[0] < ratio[-1] and ratio[0] < 0.9


def test_quick_run_ends_in_an_artefact_and_goes_on_where_it_was(tmp_path):
    settings = Settings().quick()
    lines = []
    (path,) = run(settings, tmp_path, tmp_path / "state", "test", lines.append)
    data = artefacts.load("convolutional", tmp_path)
    assert len(lines) == 2 and "test accuracy" in lines[0]
    assert dict(data.sizes) == {"reset_gradient": 2, "seed": 1, "epoch": 2, "layer": 3}
    assert data.attrs["network"] == "4C5-P4-20" and list(data["layer"].values) == ["4C5", "20", "output"]
    assert (data["loss"][..., -1] < data["loss"][..., 0]).all()
    assert (
        data["accuracy"][..., -1] > 0.19
    ).all()  # ten classes, 200 digits: four standard errors above chance
    headline = artefacts.provenance("convolutional", tmp_path)["headline"]
    assert headline["mean_test_accuracy_kept"] == pytest.approx(float(data["test_accuracy"][0, 0]))
    # killed after the first network: the second alone is trained, and all is as before
    (tmp_path / "state" / "mnist-subset-detached-0.pt").unlink()
    before = (tmp_path / "state" / "mnist-subset-kept-0.pt").read_bytes()
    (tmp_path / "again").mkdir()
    run(settings, tmp_path / "again", tmp_path / "state", "test")
    assert (tmp_path / "state" / "mnist-subset-kept-0.pt").read_bytes() == before
    again = artefacts.load("convolutional", tmp_path / "again")
    for name in ("loss", "accuracy", "test_accuracy", "spikes"):
        np.testing.assert_array_equal(again[name], data[name])


def test_other_data_sets_run_through_their_loaders(tmp_path, monkeypatch):
    """N-MNIST's form and CIFAR-10's, a few samples each, with the networks of the source made small."""
    rng = np.random.default_rng(0)
    labels = np.arange(8) % 10
    times = np.sort(rng.uniform(0, 0.3, (8, 300)), 1)
    addresses = rng.integers(0, 2 * 34 * 34, (8, 300))
    events = datasets.EventSamples.from_lists(list(zip(times, addresses, strict=True)), labels, (2, 34, 34))
    loaded = {"n-mnist": events, "cifar-10": (rng.integers(0, 256, (8, 3, 32, 32), np.uint8), labels)}
    monkeypatch.setattr(datasets, "load", lambda name, split: loaded[name])
    tasks = (replace(N_MNIST, network="2C5-P2-3C5-P2"), replace(CIFAR_10, network="3C3-P2-4C3-10"))
    settings = replace(Settings(), tasks=tasks, gain=3.0, epochs=1, seeds=(0,), batch_size=4)
    paths = run(settings, tmp_path, tmp_path / "state", "test")
    assert [each.name for each in paths] == ["convolutional-n-mnist.nc", "convolutional-cifar-10.nc"]
    for name in ("convolutional-n-mnist", "convolutional-cifar-10"):
        data = artefacts.load(name, tmp_path)
        assert np.isfinite(data["loss"]).all() and data.attrs["n_test"] == 8
        assert (data["spikes"][..., 0] > 0).all()


def test_full_is_the_source():
    full = Settings().full()
    assert full.tasks == (MNIST, N_MNIST, CIFAR_10)
    assert all(task.n_train is None and task.n_test is None for task in full.tasks)
