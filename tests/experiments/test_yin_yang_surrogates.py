"""Tuned alike: as many trials for each gradient, the same initial weights, a choice by validation samples alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory import artefacts
from snntheory.experiments import yin_yang_surrogates
from snntheory.experiments.yin_yang_surrogates import TRIALS, Settings, Trial
from snntheory.training import CountCrossEntropy, FirstSpike, Network, datasets


@pytest.fixture
def unchanged(monkeypatch):
    """Other work may change the tree while a test runs."""
    sources = artefacts.Sources("0" * 64, None)
    monkeypatch.setattr(artefacts, "current_sources", lambda: sources)
    monkeypatch.setattr(artefacts, "sources_digest", lambda: sources.digest)


def tiny():
    settings = Settings().quick()
    task = replace(settings.task, n_train=60, n_test=40, hidden=8, surrogate_steps=20, map_size=6)
    return replace(settings, task=task, epochs=1)


def test_every_gradient_has_as_many_trials():
    assert len({len(each) for each in TRIALS.values()}) == 1
    assert all(len(set(each)) == len(each) for each in TRIALS.values())


def test_networks_start_from_the_same_weights_and_differ_in_their_gradient():
    settings = tiny()
    made = {
        name: yin_yang_surrogates.make_network(settings, name, each[0], 3)
        for name, each in settings.trials.items()
    }
    for network in made.values():
        for own, other in zip(network.weights(), made["exact"].weights(), strict=True):
            torch.testing.assert_close(own.double(), other.double(), rtol=1e-6, atol=0)  # float32
    shapes = {name: each.settings()["surrogate"] for name, each in made.items() if isinstance(each, Network)}
    assert shapes == {
        "fast sigmoid": "fast_sigmoid",
        "straight through": "straight_through",
        "fast sigmoid, counts": "fast_sigmoid",
    }
    wide = yin_yang_surrogates.make_network(settings, "fast sigmoid", Trial(1e-3, 0.7, "detached"), 3)
    assert wide.settings()["width"] == 0.7 and wide.settings()["reset_gradient"] == "detached"
    # counts see the reset, first spikes do not
    assert [each.reset for each in made["fast sigmoid, counts"].neurons] == ["subtract", "subtract"]
    assert [each.reset for each in made["fast sigmoid"].neurons] == ["subtract", "none"]


def test_losses_are_named():
    settings = tiny()
    assert isinstance(yin_yang_surrogates.loss(settings, "fast sigmoid, counts"), CountCrossEntropy)
    assert isinstance(yin_yang_surrogates.loss(settings, "straight through"), FirstSpike)


def test_the_choice_does_not_see_the_test_samples(tmp_path, unchanged, monkeypatch):
    asked, real = [], datasets.yin_yang

    def seen(split):
        asked.append(split)
        return real(split)

    monkeypatch.setattr(datasets, "yin_yang", seen)
    settings = tiny()
    yin_yang_surrogates._tried(settings, "exact", 0, tmp_path, lambda text: None)
    assert asked == ["train", "validation"]


def test_trials_must_be_as_many(tmp_path, unchanged):
    settings = tiny()
    uneven = settings.trials | {"exact": settings.trials["exact"][:1]}
    with pytest.raises(ValueError, match="as many for every gradient"):
        yin_yang_surrogates.run(replace(settings, trials=uneven), tmp_path, tmp_path / "state", "x")


@pytest.mark.slow
def test_it_is_recorded_and_goes_on_after_an_interruption(tmp_path, unchanged):
    settings, lines = tiny(), []
    state = tmp_path / "state"

    def stop(text):
        lines.append(text)
        if len(lines) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        yin_yang_surrogates.run(settings, tmp_path, state, "x", stop)
    (path,) = yin_yang_surrogates.run(settings, tmp_path, state, "x")
    (tmp_path / "b").mkdir()
    (again,) = yin_yang_surrogates.run(settings, tmp_path / "b", tmp_path / "fresh", "x")
    resumed, found = artefacts.load(path.stem, tmp_path), artefacts.load(again.stem, tmp_path / "b")
    for name in resumed.data_vars:
        if name != "seconds":
            np.testing.assert_array_equal(resumed[name], found[name])
    best = found["validation_accuracy"].argmax("trial")
    np.testing.assert_array_equal(found["chosen"], best)
    assert found["map"].shape == (4, 6, 6) and set(np.unique(found["map"])) <= {-2, -1, 0, 1, 2}
