"""The summary of a recording: numbers known beforehand."""

import numpy as np
import pytest
import xarray as xr

from snntheory import make_traces
from snntheory.cli import report
from snntheory.spectral import variance_from_psd

DT = 0.002


@pytest.mark.parametrize("method", ["welch", "multitaper"])
@pytest.mark.parametrize(("power_at_nyquist", "half"), [(0.4, 25.0), (0.6, 250.0)])
def test_half_of_the_power_of_two_sines(tmp_path, method, power_at_nyquist, half):
    """A sine of power 1/2 at 25 Hz and one at Nyquist's frequency, which counts once: half lies below the stronger.

    Counted as often as the others, 0.4 at Nyquist's frequency would outweigh the 1/4 that a two-sided density
    has at 25 Hz.
    """
    n = np.arange(2000)
    values = np.sin(2 * np.pi * 25 * DT * n) + np.sqrt(power_at_nyquist) * (-1.0) ** n
    summary = report.write_report(make_traces(values, DT, ("time",)), tmp_path, method)
    found = float(summary["half of the power lies below"].removesuffix(" Hz"))
    assert found == pytest.approx(half, abs=3)  # Hz: Welch's default segment resolves 1.1, the tapers 1


def test_what_is_constant_or_short_is_said(tmp_path):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="every trace of the voltage is constant, the first at -65"):
        report.write_report(make_traces(np.full((2, 3, 200), -65.0), DT), tmp_path)
    values = rng.standard_normal((2, 3, 200))
    values[1, :2] = 0.0
    with pytest.warns(UserWarning, match="2 of 6 traces are constant"):
        report.write_report(make_traces(values, DT), tmp_path)
    with pytest.warns(UserWarning, match="20 samples are few"):
        summary = report.write_report(make_traces(rng.standard_normal((2, 3, 20)), DT), tmp_path)
    # segments of the least 16 samples overlap by half: one fits in 20
    assert summary["spectrum"] == "1 segments a trace, every 31.25 Hz"


@pytest.mark.parametrize(
    ("samples", "density", "place"),
    [
        (8, [0.6, 0.5, 0.0, 0.0, 0.0], 1),  # zero counts once: 0.6 against 1
        (8, [0.0, 0.5, 0.0, 0.0, 0.6], 1),  # and so does Nyquist's frequency
        (9, [0.0, 0.4, 0.0, 0.0, 0.5], 4),  # an odd number of samples has none: 0.8 against 1
    ],
)
def test_which_frequencies_count_once(samples, density, place):
    frequency = np.fft.rfftfreq(samples, DT)
    spectrum = xr.DataArray(density, dims="frequency", coords={"frequency": frequency}, attrs={"dt": DT})
    assert report._median_frequency(spectrum, DT) == frequency[place]
    below = spectrum.where(spectrum["frequency"] < frequency[place], 0.0)
    assert variance_from_psd(below) < 0.5 * variance_from_psd(spectrum)  # the other function agrees
