"""The front of the choices that no other beats, against its definition."""

import numpy as np
import pytest

from snntheory.advice import pareto_front


def test_pareto_front_against_the_definition():
    rng = np.random.default_rng(0)
    accuracy, spikes = rng.uniform(size=(2, 40)).round(1)
    front = pareto_front(accuracy, spikes)
    for k in range(40):
        beaten = (accuracy >= accuracy[k]) & (spikes <= spikes[k])
        beaten &= (accuracy > accuracy[k]) | (spikes < spikes[k])
        point = (accuracy[k], spikes[k])
        assert beaten.any() == (point not in {(accuracy[f], spikes[f]) for f in front})
    assert (np.diff(spikes[front]) > 0).all() and (np.diff(accuracy[front]) > 0).all()
    with pytest.raises(ValueError, match="as many"):
        pareto_front([1.0], [1.0, 2.0])
