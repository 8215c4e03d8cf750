"""Source 003's experiments: the blocks of the XOR networks are networks of their own; each runs in miniature."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory import artefacts
from snntheory.experiments import NAMES, exact_gradients, iris, module, xor, yin_yang
from snntheory.training import EventNetwork, FirstSpike, Network, datasets


def test_names_are_modules():
    for name in NAMES:
        assert hasattr(module(name), "Settings") and hasattr(module(name), "run")
        assert module(name).Settings().quick() != module(name).Settings()


def test_the_cell_is_the_source_s_kernel():
    cell = exact_gradients.Cell(alpha=1.0, beta=0.9)
    neuron, weight = cell.neuron(), 2.5
    made = exact_gradients.network((3, 4, 2), cell, 5.0, (yin_yang.Normal(weight, 0.0),) * 2, 0)
    t = np.linspace(0, 6, 50)
    from snntheory.linear import kernel

    expected = weight * (np.exp(-t) - np.exp(-0.9 * t)) / (0.9 - 1.0)
    canonical = float(made.weights()[0][0, 0])
    np.testing.assert_allclose(canonical * kernel(neuron, t), expected, rtol=1e-12, atol=1e-14)
    assert [each.reset for each in made.neurons] == ["subtract", "none"]


def test_the_output_s_reset_does_not_matter_to_first_spikes():
    settings = yin_yang.Settings(hidden=20)
    made = yin_yang.make_network(replace(settings, looks=()), "exact", 0)
    with_reset = made.variant(neuron=settings.cell.neuron())
    images = torch.from_numpy(yin_yang.samples("test", 40)[0].astype(np.float32))
    times = yin_yang.encoder(settings).times(images)
    torch.testing.assert_close(made(times)[-1], with_reset(times)[-1], rtol=1e-12, atol=0)  # rounding


@pytest.mark.parametrize("gamma", [0.0, 0.2])
def test_xor_networks_side_by_side_are_single_networks(gamma):
    settings = xor.Settings(initialisations=6, at_once=3, max_steps=40)
    steps, weights = xor.train(settings, gamma, 3)
    loss = FirstSpike(settings.tau_0, settings.tau_1, gamma)
    inputs = torch.from_numpy(xor.input_times(settings))[..., None]
    labels = torch.from_numpy(xor.LABELS)
    for k in range(3):
        net = EventNetwork(
            (2, 4, 2),
            settings.cell.neuron(),
            settings.t_max,
            max_spikes=(30, 1),
            overflow="drop",
            unit="jump",
        )
        net.set_weights([part * net.neurons[0].tau_syn for part in xor.initial_weights(settings, 3 + k)])
        adam = torch.optim.Adam(net.parameters(), lr=settings.learning_rate)
        taken = -1
        for step in range(41):
            judged = net.judge(loss, inputs, labels)
            if (judged.decided == labels).all():
                taken = step
                break
            adam.zero_grad()
            judged.value.backward()
            adam.step()
        assert taken == steps[k]
        if taken >= 0:
            for part, own in zip(weights, net.parameters(), strict=True):
                # Adam amplifies rounding in its first steps, where gradients are small beside epsilon
                np.testing.assert_allclose(part[k], own.detach().numpy(), rtol=1e-6)


def test_irises_are_divided_evenly():
    settings = iris.Settings()
    features, labels = iris.samples()
    assert features.min() == 0 and features.max() == 1 and features.shape == (150, 4)
    train, test = iris.divided(settings, 3)
    assert sorted([*train, *test]) == list(range(150))
    assert np.bincount(labels[test]).tolist() == [10, 10, 10]
    assert not np.array_equal(iris.divided(settings, 4)[1], test)


def test_yin_yang_times_are_the_source_s():
    settings = yin_yang.Settings()
    features = datasets.yin_yang("test")[0][:5]
    images = torch.from_numpy(yin_yang.samples("test", 5)[0])
    times = yin_yang.encoder(settings).times(images)[..., 0].numpy()
    np.testing.assert_allclose(times[:, :4], 0.15 + 1.85 * features, rtol=1e-12)
    assert (times[:, 4] == 0.9).all()
    grid = yin_yang.make_network(settings, "surrogate", 0)
    exact = yin_yang.make_network(settings, "exact", 0)
    assert isinstance(grid, Network) and grid.dt == 0.02
    for a, b in zip(grid.weights(), exact.weights(), strict=True):
        torch.testing.assert_close(a, b.float(), rtol=1e-6, atol=0)  # float32


def tiny(name):
    settings = module(name).Settings().quick()
    if name == "xor":
        return replace(settings, initialisations=4, at_once=2, max_steps=15)
    if name == "iris":
        return replace(settings, epochs=2)
    return replace(settings, epochs=1, surrogate_epochs=1, n_train=150, n_test=60, hidden=20, map_size=6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xor", "iris", "yin-yang"])
def test_a_miniature_is_recorded_and_again_the_same(name, tmp_path, monkeypatch):
    sources = artefacts.Sources("0" * 64, None)  # other work may change the tree while this runs
    monkeypatch.setattr(artefacts, "current_sources", lambda: sources)
    monkeypatch.setattr(artefacts, "sources_digest", lambda: sources.digest)
    lines, results = [], []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        paths = module(name).run(
            tiny(name), folder, folder / "state", f"snntheory experiment {name}", lines.append
        )
        assert [path.stem for path in paths] == [name]
        results.append(artefacts.load(name, folder))
    first, second = results
    for variable in first.data_vars:
        if variable != "seconds":
            np.testing.assert_array_equal(first[variable], second[variable])
    facts = artefacts.provenance(name, tmp_path / "a")
    assert facts["settings"]["cell"]["alpha"] == module(name).Settings().cell.alpha
    assert lines and (tmp_path / "a" / f"{name}.nc").stat().st_size < 200_000
    (tmp_path / "a" / "state" / f"{name}-sources.txt").write_text("others")
    with pytest.raises(ValueError, match="other sources"):
        module(name).run(tiny(name), tmp_path / "a", tmp_path / "a" / "state", "x")
