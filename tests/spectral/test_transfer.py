"""Transfer functions estimated from input and voltage: every scheme's response lies where the estimate says."""

import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, discretize, make_traces
from snntheory.linear import frequency_response, schemes
from snntheory.spectral import transfer_function

NEURON, DT = CubaLIF(tau_mem=0.020, tau_syn=0.005), 1e-3
NAMES = [name for name in schemes.names() if name != "parker_sochacki"]
MODELS = {name: discretize(NEURON, DT, name) for name in NAMES}
MODELS |= {f"parker_sochacki {k}": discretize(NEURON, DT, "parker_sochacki", k) for k in (1, 2, 3)}


def rows(values, dt=DT):
    return xr.DataArray(values, dims=("neuron", "time"), attrs={"dt": dt})


def recorded(model, shape, noise=0.0, seed=0):
    """Poisson input, summed weights of each step, and the voltage after it; the onset is cut away."""
    rng = np.random.default_rng(seed)
    inputs = rng.poisson(0.5, (shape[0], shape[1] + 400)) * 0.3
    voltage = model.simulate(inputs)[0][:, 400:]
    return rows(inputs[:, 400:]), rows(voltage + noise * voltage.std() * rng.standard_normal(voltage.shape))


def shares(estimate, response):
    """How often the disc, the gain's interval and the phase's hold the true response."""
    true = response(2 * np.pi * estimate["frequency"].values)
    turn = np.angle(true * np.exp(-1j * estimate["phase"].values))
    disc = np.abs(estimate["response"].values - true) <= estimate["radius"].values
    gain = (estimate["gain_lower"].values <= np.abs(true)) & (np.abs(true) <= estimate["gain_upper"].values)
    phase = np.abs(turn) <= (estimate["phase_upper"] - estimate["phase"]).values
    return [float(each.mean()) for each in (disc, gain, phase)], disc.size


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("name", MODELS)
def test_the_response_of_every_scheme_lies_in_the_band_as_often_as_it_says(name, noise):
    model = MODELS[name]
    # 8 s of input each: the bandwidth 4/8 s is far below the corner 8 Hz; every 10th frequency is unrelated
    estimate = transfer_function(*recorded(model, (30, 8192), noise), "multitaper")
    found, size = shares(estimate.isel(frequency=slice(12, -12, 10)), model.frequency_response)
    error = 3.5 * np.sqrt(0.05 * 0.95 / size)  # of 13 x 2 x 3 numbers the largest is expected at 2.5
    # + 1 % above: where noise hides the response its phase is called unknown
    assert all(0.95 - error < share < 0.96 + error for share in found), found


@pytest.mark.parametrize(("overlap", "nominal"), [(0.0, 0.95), (0.5, 0.973)])
def test_welch_without_noise_is_on_the_safe_side_where_segments_overlap(overlap, nominal):
    model = MODELS["impulse_invariance"]
    estimate = transfer_function(*recorded(model, (60, 8192)), segment_samples=1024, overlap=overlap)
    (disc, _, _), size = shares(estimate.isel(frequency=slice(3, -3, 3)), model.frequency_response)
    # 1 %: neighbouring segments share what enters at their ends
    assert abs(disc - nominal) < 3 * np.sqrt(0.05 * 0.95 / size) + 0.01


def test_delay_of_the_scheme_is_in_the_phase():
    """A wrong phase convention would miss by 2 pi f dt, far outside: forward Euler is a step late."""
    inputs, voltage = recorded(MODELS["forward_euler"], (10, 16384))
    estimate = transfer_function(inputs, voltage, pool="neuron", segment_samples=2048)
    f = estimate["frequency"].values[5:-5]
    true = MODELS["forward_euler"].frequency_response(2 * np.pi * f)
    turn = np.angle(true * np.exp(-1j * estimate["phase"].values[5:-5]))
    assert np.abs(turn).max() < 0.05  # one step late would be 3 rad near Nyquist
    late = true * np.exp(-2j * np.pi * f * DT)
    assert np.abs(np.angle(late * np.exp(-1j * estimate["phase"].values[5:-5]))).max() > 2.5


def test_times_dt_it_tends_to_the_continuous_response():
    fine = discretize(NEURON, 1e-4, "impulse_invariance")
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((4, 65536))
    voltage = fine.simulate(inputs)[0]
    estimate = transfer_function(rows(inputs, 1e-4), rows(voltage, 1e-4), pool="neuron", segment_samples=8192)
    part = estimate.sel(frequency=slice(5, 100))
    true = frequency_response(NEURON, 2 * np.pi * part["frequency"].values)
    # 1 % of noise from the ends of segments, (2 pi 100 dt / 2)^2 / 6 of folding; both far below 3 %
    np.testing.assert_allclose(1e-4 * part["response"].values, true, atol=0.03 * np.abs(true).max())
    np.testing.assert_allclose(1e-4 * part["gain"].values[:20], np.abs(true)[:20], rtol=0.03)


def test_coloured_input_gives_the_same_response():
    rng = np.random.default_rng(0)
    white = rng.standard_normal((40, 8592))
    inputs = 1.0 + white[:, 1:] + 0.9 * white[:, :-1]
    model = MODELS["exponential_euler"]
    voltage = model.simulate(inputs)[0][:, 400:]
    estimate = transfer_function(rows(inputs[:, 400:]), rows(voltage), "multitaper")
    found, size = shares(estimate.isel(frequency=slice(12, -12, 10)), model.frequency_response)
    assert abs(found[0] - 0.95) < 3 * np.sqrt(0.05 * 0.95 / size)


def test_noise_on_the_input_lowers_the_gain_as_stated():
    model = MODELS["impulse_invariance"]
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((20, 8192))
    voltage = model.simulate(inputs)[0]
    seen = inputs + rng.standard_normal(inputs.shape)  # as strong as the input: half the gain
    estimate = transfer_function(rows(seen), rows(voltage), pool="neuron", segment_samples=512)
    low = slice(1, 6)
    true = np.abs(model.frequency_response(2 * np.pi * estimate["frequency"].values[low]))
    # 620 segments, half independent: error 1/sqrt(2 x 340 x C/(1 - C)), C = 1/2: 4 %; plus the bandwidth's 3 %
    np.testing.assert_allclose(estimate["gain"].values[low] / true, 0.5, atol=0.06)


def test_interval_and_disc_follow_from_the_coherence():
    """Against textbook formulas with scipy.stats, at one frequency and at f_N."""
    import scipy.stats

    inputs, voltage = recorded(MODELS["bilinear"], (1, 1024), noise=0.5)
    estimate = transfer_function(
        inputs, voltage, segment_samples=64, overlap=0.0, window="boxcar", confidence=0.9
    )
    n = 16
    for k, parameters in ((5, 2), (-1, 1)):
        at = {name: estimate[name].values[0, k] for name in estimate.data_vars}
        nu = parameters * (n - 1)
        squared = np.abs(at["response"]) ** 2
        # |H|^2 S_ii / S_oo = C, so S_oo/S_ii = |H|^2 / C
        s = np.sqrt((1 - at["coherence"]) / at["coherence"] * squared / nu)
        assert at["gain_upper"] == pytest.approx(at["gain"] + scipy.stats.t(nu).ppf(0.95) * s, rel=1e-9)
        disc = s * np.sqrt(parameters * scipy.stats.f(parameters, nu).ppf(0.9))
        assert at["radius"] == pytest.approx(disc, rel=1e-9)


def test_labels_and_units():
    rng = np.random.default_rng(0)
    inputs = make_traces(rng.standard_normal((2, 3, 256)), DT, value_unit="nA")
    voltage = make_traces(rng.standard_normal((2, 3, 256)), DT, value_unit="mV")
    h = transfer_function(inputs, voltage)
    assert h["gain"].dims == ("trial", "neuron", "frequency") and h["gain"].attrs["units"] == "(mV)/(nA)"
    assert h["phase"].attrs["units"] == "rad" and h["response"].dtype == np.complex128
    assert h.attrs["estimator"] == "H1" and h["frequency"].attrs["units"] == "Hz"
    np.testing.assert_allclose(np.abs(h["response"]), h["gain"], rtol=1e-12)
    lazy = transfer_function(inputs.chunk(trial=1), voltage.chunk(trial=1, time=100))
    assert lazy["gain"].chunks is not None
    xr.testing.assert_allclose(lazy.compute(), h)
    # one input drives all
    common = inputs["voltage"].isel(trial=0, neuron=0).assign_attrs(dt=DT)
    assert transfer_function(common, voltage)["gain"].dims == ("trial", "neuron", "frequency")


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda x: x * 0 + 1, {}, "input must vary"),
        (lambda x: x.where(x > 0).assign_attrs(x.attrs), {}, "input must not hold NaN"),
        (lambda x: x.assign_attrs(dt=5e-4), {}, "input and output must have one time step"),
        (lambda x: x.isel(time=slice(5, None)), {}, "input and output must agree along 'time'"),
        (lambda x: x, {"method": "periodogram"}, "at least two looks"),
        (lambda x: x, {"interval": "jackknife"}, "option of transfer_function"),
        (lambda x: x, {"confidence": 2}, "between 0 and 1"),
    ],
)
def test_bad_input(change, options, words):
    inputs = rows(np.random.default_rng(0).standard_normal((2, 256)))
    voltage = rows(np.random.default_rng(1).standard_normal((2, 256)))
    with pytest.raises(ValueError, match=words):
        transfer_function(change(inputs), voltage, **options)
