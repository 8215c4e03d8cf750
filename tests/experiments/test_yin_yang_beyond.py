"""Yin-Yang beyond the source: validation samples choose, test samples judge; the recorded accuracy is what is said."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory import artefacts
from snntheory.experiments import yin_yang_beyond
from snntheory.experiments.yin_yang_beyond import PUBLISHED, Settings
from snntheory.training import datasets


@pytest.fixture
def unchanged(monkeypatch):
    """Other work may change the tree while a test runs."""
    sources = artefacts.Sources("0" * 64, None)
    monkeypatch.setattr(artefacts, "current_sources", lambda: sources)
    monkeypatch.setattr(artefacts, "sources_digest", lambda: sources.digest)


def tiny():
    return replace(Settings().quick(), epochs=2, n_train=300, n_test=100, hidden=30, map_size=6)


def test_the_learning_rate_ends_where_it_is_said_to():
    settings = Settings()
    last = settings.learning_rate * settings.decay**settings.epochs
    assert last == pytest.approx(settings.last_learning_rate, rel=1e-12)


def test_every_input_comes_before_the_window_ends_and_after_its_beginning():
    settings = Settings()
    features = datasets.yin_yang("test")[0]
    times = yin_yang_beyond.encoder(settings).times(torch.from_numpy(1 - features))[..., 0].numpy()
    expected = settings.first + (settings.last - settings.first) * features
    np.testing.assert_allclose(times[:, :4], expected, rtol=1e-12)
    assert (times[:, 4] == settings.bias).all() and times.max() < settings.t_max


def test_a_training_does_not_see_the_test_samples(monkeypatch):
    asked, real = [], datasets.yin_yang
    monkeypatch.setattr(datasets, "yin_yang", lambda split: asked.append(split) or real(split))
    yin_yang_beyond.train(replace(tiny(), epochs=1), 0)
    assert asked == ["train", "validation"]


@pytest.mark.slow
def test_it_learns_is_recorded_and_goes_on_after_an_interruption(tmp_path, unchanged, monkeypatch):
    settings, real = tiny(), yin_yang_beyond.fit

    def stopping(*given, **named):
        count = 0

        def stop(epoch, step):
            nonlocal count
            count += 1
            if count == 12:
                raise KeyboardInterrupt

        return real(*given, **named, after_step=stop)

    monkeypatch.setattr(yin_yang_beyond, "fit", stopping)
    state = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        yin_yang_beyond.run(settings, tmp_path, state, "x")
    monkeypatch.setattr(yin_yang_beyond, "fit", real)
    (path,) = yin_yang_beyond.run(settings, tmp_path, state, "x")
    (tmp_path / "b").mkdir()
    yin_yang_beyond.run(settings, tmp_path / "b", tmp_path / "fresh", "x")
    resumed, found = artefacts.load(path.stem, tmp_path), artefacts.load(path.stem, tmp_path / "b")
    for name in resumed.data_vars:
        if name != "seconds":
            np.testing.assert_array_equal(resumed[name], found[name])
    assert found["loss"][0, -1] < found["loss"][0, 0]
    assert (
        found["accuracy"][0, -1] > 0.45
    )  # by chance a third, with 300 samples 0.41 at three standard errors
    assert set(np.unique(found["map"])) <= {-2, -1, 0, 1, 2}


def test_the_recorded_trainings_are_more_accurate_than_the_source():
    found = artefacts.load("yin-yang-beyond")
    facts = artefacts.provenance("yin-yang-beyond")
    accuracy = found["test_accuracy"].values
    assert facts["headline"]["mean_test_accuracy"] == pytest.approx(accuracy.mean(), abs=1e-12)
    assert accuracy.size >= 5 and found["accuracy"].shape == (accuracy.size, facts["settings"]["epochs"])
    published = PUBLISHED["Lee et al. 2023, 150 hidden"][0]
    assert accuracy.min() > published + 0.02
