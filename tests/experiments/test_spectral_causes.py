"""Source 000's figure 5 taken apart: the expectation against simulation, and its parts against definitions."""

from dataclasses import replace

import numpy as np
import pytest

from snntheory import artefacts, discretize
from snntheory.experiments import spectral_causes as experiment
from snntheory.training import Poisson, datasets

SETTINGS = replace(
    experiment.Settings(), time_steps=(0.002, 0.008), window=0.2, batch=10, repeats=6, neurons=6, bands=8
)


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    weights = rng.normal(0.0002, 0.0006, (784, SETTINGS.neurons))
    images, _ = datasets.mnist_subset("test")
    return experiment.spectra(SETTINGS, weights, images[: SETTINGS.batch])


def test_expectation_is_what_many_records_give(found):
    """60 records of 6 neurons: the bands of single voltages are right to some per cent, of the average to a tenth."""
    ratio = (found["measured"] / found["expected"]).sel(voltage="resets added back")
    assert float(abs(ratio.sel(of="single").mean("band") - 1).max()) < 0.1
    assert float(abs(ratio.sel(of="average").mean(["band", "condition", "dt"]) - 1)) < 0.1
    assert float(found["rate"].min()) > 5  # there are resets to add back


def test_resets_lift_the_end_of_the_spectrum(found):
    end = found["measured"].isel(band=-1, dt=0).sel(of="single", condition="none")
    assert float(end.sel(voltage="recorded")) > 3 * float(end.sel(voltage="resets added back"))


def test_where_all_equals_its_parts():
    """At 50 steps of 8 ms both windows are 0.4 s long, so the condition "window" is "none"."""
    settings = experiment.Settings()
    assert experiment.setting_of(settings, "window", 0.008) == experiment.setting_of(settings, "none", 0.008)
    assert experiment.setting_of(settings, "all", 0.001) == (50, True, "backward_euler")
    with pytest.raises(ValueError, match="condition"):
        experiment.setting_of(settings, "noise", 0.001)


def test_expectation_by_brute_force():
    """Against the average over 4,000 trains of a few inputs, simulated as a linear filter."""
    from scipy.signal import lfilter

    settings, dt, steps = experiment.Settings(), 0.004, 30
    model = discretize(settings.neuron, dt, "bilinear")  # with a kick of the step before
    rng = np.random.default_rng(3)
    images = rng.integers(0, 255, (2, 5))
    encoder = Poisson(window=steps * dt, max_rate=100.0)
    areas = rng.normal(0.01, 0.01, (5, 1))
    single, average = experiment.expected_periodograms(model, areas, images, encoder, steps)
    spikes = rng.random((4000, 2, steps, 5)) < images[:, None] / 255.0 * 100.0 * dt
    response = experiment.impulse_response(model, steps)
    voltage = lfilter(response, [1.0], (spikes @ areas)[..., 0], axis=-1)
    np.testing.assert_allclose(experiment.periodogram(voltage, dt).mean((0, 1)), single, rtol=0.08)
    mean = experiment.periodogram(voltage.mean(1), dt).mean(0)
    np.testing.assert_allclose(
        mean, average, rtol=0.12
    )  # five standard errors of 4,000 exponential variables


def test_bands_are_averages_of_all_bins_but_the_lowest():
    matrix, frequency = experiment._bands(50, 0.001, 6)
    np.testing.assert_allclose(matrix.sum(1), 1)
    assert np.all((matrix > 0).sum(0)[2:] == 1) and not matrix[:, :2].any()
    assert frequency[-1] < 500 and np.all(np.diff(frequency) > 0)
    wide, _ = experiment._bands(50, 0.001, 24)
    assert np.isnan(wide).any()  # more bands than low bins


def test_run_writes_a_verified_artefact_and_goes_on(tmp_path):
    settings = replace(SETTINGS.quick(), time_steps=(0.008,), hidden=8, neurons=2, n_train=256, repeats=1)
    lines = []
    for _ in range(2):
        experiment.run(settings, tmp_path, tmp_path / "state", "test", report=lines.append)
    loaded = artefacts.load(experiment.NAME, tmp_path)
    assert set(loaded["condition"].values) == set(experiment.CONDITIONS)
    assert lines[0] == lines[1] and "deviation" in lines[0]
    (tmp_path / "state" / f"{experiment.NAME}-sources.txt").write_text("others", encoding="utf-8")
    with pytest.raises(ValueError, match="other sources"):
        experiment.run(settings, tmp_path, tmp_path / "state", "test")
