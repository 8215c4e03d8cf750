"""Identification: the truth comes back from simulations of every scheme, with intervals that cover it."""

import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, discretize, make_traces
from snntheory.linear import nominal_time_constant, schemes
from snntheory.spectral import _two_poles as two
from snntheory.spectral import identification, identification_study, identify
from snntheory.spectral._whittle import moving_average
from snntheory.spectral.candidates import time_constant_from_pole
from snntheory.spiking import simulate_inputs

NEURON, DT = CubaLIF(0.020, 0.005), 1e-3
SCHEMES = [(name, None) for name in schemes.names() if name != "parker_sochacki"] + [("parker_sochacki", 2)]
SAME_NUMERATOR = {
    "backward_euler": {"backward_euler", "semi_implicit"},
    "semi_implicit": {"backward_euler", "semi_implicit"},
    "bilinear": {"bilinear"},
    "zoh": {"zoh"},
}
DELAYED = {
    "forward_euler",
    "exponential_euler",
    "impulse_invariance",
    "scaled_impulse",
    "delta",
    "parker_sochacki",
}


def labelled(values, dt=DT):
    return xr.DataArray(values, dims=("trial", "time"), attrs={"dt": dt})


def simulated(scheme, order=None, neuron=NEURON, dt=DT, n=4000, trials=1, seed=0, rate=300.0):
    """Voltages and inputs below threshold, the onset cut away."""
    model = discretize(neuron, dt, scheme, order)
    inputs = np.random.default_rng(seed).poisson(rate * dt, (trials, n + 300)) * 0.3
    return labelled(model.simulate(inputs)[0][:, 300:], dt), inputs[:, 300:], model


def true_time_constants(model):
    return np.sort(model.effective_time_constants)[::-1]


@pytest.mark.parametrize(("scheme", "order"), SCHEMES)
@pytest.mark.parametrize("dt", [1e-4, 1e-3, 4e-3])
def test_without_noise_the_input_gives_everything(scheme, order, dt):
    traces, inputs, model = simulated(scheme, order, dt=dt, n=500, trials=2, rate=0.3 / dt)
    found = identify(traces, inputs, neuron=NEURON)
    np.testing.assert_allclose(found.time_constants, true_time_constants(model), rtol=1e-8)
    np.testing.assert_allclose(found.numerator, model.numerator, rtol=0, atol=1e-8 * model.numerator.max())
    assert found.noise_model == "none" and found.kind == "real" and found.membrane == "unknown"
    # the nominal constants single the scheme out ("delta" is impulse invariance in another arithmetic)
    same = {"impulse_invariance", "delta"}
    explained = set(found.explained_by())
    if scheme in same and dt == 1e-4:  # what errs by less than 1e-8 is the same: order 4, (dt/tau)^5 / 120
        explained -= {"parker_sochacki"}
    assert explained == (same if scheme in same else {scheme})
    # poles and delay alone do not: what remains are all schemes with this numerator, each another neuron
    blind = identify(traces.assign_attrs(dt=dt), inputs)
    assert set(blind.explained_by()) == SAME_NUMERATOR.get(scheme, DELAYED)
    own = next(each for each in blind.candidates if (each.scheme, each.order) == (scheme, order))
    assert (own.tau_slow, own.tau_fast, own.r) == pytest.approx((0.020, 0.005, 1.0), rel=1e-7)


@pytest.mark.parametrize(("scheme", "order"), SCHEMES)
def test_voltage_alone_finds_the_poles_of_every_scheme(scheme, order):
    traces, _, model = simulated(scheme, order, n=8000, trials=2, seed=3)
    found = identify(traces, neuron=NEURON, noise="none", level=0.999)
    truth = true_time_constants(model)
    assert np.all((found.intervals[:, 0] <= truth) & (truth <= found.intervals[:, 1]))
    np.testing.assert_allclose(
        found.time_constants, truth, rtol=0.15
    )  # asymptotic error of the slow one: 4 %
    assert found.kind == "real" and found.misfit_p_value > 1e-3
    family = {"bilinear": "bilinear", "zoh": "zoh"}.get(scheme, "all_pole")
    assert found.family == family and scheme in found.explained_by()
    alike = {"bilinear": {"bilinear"}, "zoh": {"zoh"}}.get(scheme)
    if alike is not None:
        assert set(found.explained_by()) == alike
    else:
        assert not {"bilinear", "zoh", "continuous"} & set(found.explained_by())


def test_a_continuous_neuron_that_is_sampled():
    # spikes anywhere within a step: simulate with a step sixteen times finer and look at every sixteenth sample
    fine = DT / 16
    inputs = np.random.default_rng(4).poisson(300 * fine, (8, 16 * 3000)) * 0.3
    voltage = discretize(NEURON, fine, "impulse_invariance").simulate(inputs)[0][:, 16 * 200 :: 16]
    found = identify(labelled(voltage), neuron=NEURON, level=0.99)
    assert found.family == "sampled" and found.explained_by() == ("continuous",)
    assert np.all((found.intervals[:, 0] <= [0.02, 0.005]) & (found.intervals[:, 1] >= [0.02, 0.005]))


@pytest.mark.parametrize("rates", [(0.05, 0.2), (0.1, 0.1), (2.0, 0.3)])
def test_zeros_that_the_poles_bring(rates):
    poles = np.exp(-np.array(rates))
    images = np.log((1 - poles) / (1 + poles))
    at = two.from_images(images)
    neuron = CubaLIF(DT / rates[0], DT / rates[1])
    n = discretize(neuron, DT, "zoh").numerator
    assert moving_average(at, "zoh") == pytest.approx(n[2] / n[1], rel=1e-8)
    # "sampled": the zero inside the circle of the aliased spectrum, whose roots come in pairs z, 1/z
    from snntheory.spectral import theory_psd

    rho = moving_average(at, "sampled")
    f = np.linspace(0, 500, 9)
    z = np.exp(2j * np.pi * f * DT)
    model = np.abs(1 + rho / z) ** 2 / np.abs((1 - poles[0] / z) * (1 - poles[1] / z)) ** 2
    ratio = theory_psd(neuron, 1.0, 1.0, f, DT) / model
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    if max(rates) < 0.25:
        assert rho == pytest.approx(2 - np.sqrt(3), abs=0.01)  # its limit for short steps


def test_a_double_pole_is_said_to_be_one():
    traces, inputs, _ = simulated("impulse_invariance", neuron=CubaLIF(0.01, 0.01), n=3000, seed=7)
    found = identify(traces, noise="none")
    assert found.kind == "double" and found.intervals[0, 0] < 0.01 < found.intervals[1, 1] * 1.5
    noise = 0.02 * float(traces.std()) * np.random.default_rng(1).standard_normal(traces.shape)
    found = identify(labelled(traces.values + noise), inputs)
    assert found.kind == "double" and found.noise_model == "measurement"
    assert found.noise == pytest.approx(0.02 * float(traces.std()), rel=0.1)  # 3000 samples: 1.3 %


@pytest.mark.parametrize("scheme", ["impulse_invariance", "bilinear", "zoh", "backward_euler"])
@pytest.mark.parametrize("tau", [0.0073, 0.02])
def test_equal_time_constants_without_noise(scheme, tau):
    # rounding splits a double pole by its square root, and to the complex side as often as not
    neuron = CubaLIF(tau, tau)
    traces, inputs, model = simulated(scheme, neuron=neuron, n=1000, trials=2, seed=7)
    found = identify(traces, inputs, neuron=neuron)
    assert found.kind == "double" and scheme in found.explained_by()
    own = next(each for each in found.candidates if each.scheme == scheme)
    assert (own.tau_slow, own.tau_fast, own.r) == pytest.approx((tau, tau, 1.0), rel=1e-5)


def test_equal_time_constants_with_noise_are_a_neuron_whatever_the_side():
    traces, inputs, _ = simulated("zoh", neuron=CubaLIF(0.01, 0.01), n=600, trials=12, seed=5)
    noise = 0.05 * float(traces.std()) * np.random.default_rng(2).standard_normal(traces.shape)
    sides = set()
    for row, given in zip(traces.values + noise, inputs, strict=True):
        found = identify(labelled(row[None]), given[None], noise="measurement", level=0.999, schemes=["zoh"])
        assert found.kind == "double" and found.explained_by() == ("zoh",)
        sides.add(bool(found.poles.imag.any()))
    assert sides == {True, False}


def test_a_complex_pair_is_no_neuron():
    from scipy.signal import lfilter

    pair = 0.95 * np.exp(1j * np.array([0.2, -0.2]))
    noise = np.random.default_rng(8).standard_normal((1, 4300))
    values = lfilter([1.0], np.poly(pair).real, noise)[:, 300:]
    found = identify(labelled(values))
    assert found.kind == "complex" and found.explained_by() == ()
    np.testing.assert_allclose(np.sort_complex(found.poles), np.sort_complex(pair), atol=0.02)
    np.testing.assert_allclose(found.time_constants, -DT / np.log(0.95), rtol=0.15)


def test_negative_poles():
    traces, inputs, model = simulated("bilinear", neuron=NEURON, dt=0.02, n=400)
    assert model.poles.min() < 0
    found = identify(traces, inputs, neuron=NEURON)
    np.testing.assert_allclose(np.sort(found.poles.real), np.sort(model.poles), atol=1e-9)
    assert found.explained_by() == ("bilinear",)
    assert time_constant_from_pole(float(model.poles[1]), 0.02, "bilinear") == pytest.approx(0.005, rel=1e-9)
    assert np.isnan(time_constant_from_pole(-0.5, 0.02, "zoh"))
    assert time_constant_from_pole(-0.5, 0.02, "forward_euler") == pytest.approx(0.02 / 1.5, rel=1e-9)


@pytest.mark.parametrize("reset", ["subtract", "to_value"])
@pytest.mark.parametrize(("taus", "scheme"), [((0.02, 0.005), "backward_euler"), ((0.005, 0.02), "zoh")])
def test_resets_tell_the_membrane(reset, taus, scheme):
    neuron = CubaLIF(*taus, reset=reset, v_reset=-0.3 if reset == "to_value" else 0.0)
    inputs = np.random.default_rng(9).poisson(0.3, (2, 1, 2000)) * 0.0033
    traces = simulate_inputs(neuron, inputs, DT, scheme).isel(time=slice(1, None))
    assert int(traces["spikes"].sum()) > 40
    side = "slow" if taus[0] > taus[1] else "fast"
    truth = true_time_constants(discretize(neuron, DT, scheme))
    exact = identify(traces, inputs)
    assert exact.membrane == side and exact.uses == "voltage, input and resets"
    np.testing.assert_allclose(exact.time_constants, truth, rtol=1e-8)
    assert exact.explained_by() == (scheme,)
    alone = identify(traces.isel(time=slice(150, None)), noise="none", level=0.999, schemes=[scheme])
    assert alone.membrane == side
    assert np.all((alone.intervals[:, 0] <= truth) & (truth <= alone.intervals[:, 1]))
    # with the two exchanged the nominal neuron is refused, which voltage below threshold cannot do
    exchanged = CubaLIF(taus[1], taus[0], reset=reset, v_reset=neuron.v_reset)
    assert identify(traces, inputs, neuron=exchanged, schemes=[scheme]).explained_by() == ()
    if reset == "subtract":
        after = traces.assign(voltage=traces["voltage"] - neuron.v_threshold * traces["spikes"])
        same = identify(after.assign_attrs(phase="after reset"), inputs)
        np.testing.assert_allclose(same.time_constants, truth, rtol=1e-8)


def test_neither_order_nor_unit_of_the_voltage_matters():
    traces, inputs, _ = simulated("backward_euler", n=1000)
    swapped, _, _ = simulated("backward_euler", neuron=CubaLIF(0.005, 0.020), n=1000)
    kernels = identify(traces, noise="none"), identify(swapped, noise="none")
    np.testing.assert_allclose(kernels[0].time_constants, kernels[1].time_constants, rtol=1e-6)
    volts = identify((1e-3 * traces - 0.07).assign_attrs(dt=DT), inputs)
    np.testing.assert_allclose(volts.time_constants, identify(traces, inputs).time_constants, rtol=1e-6)
    seconds = identify(traces.assign_attrs(dt=1.0), inputs)
    np.testing.assert_allclose(
        seconds.time_constants, 1e3 * identify(traces, inputs).time_constants, rtol=1e-12
    )


def test_two_poles_are_refused_where_there_are_more():
    from scipy.signal import lfilter

    traces, _, _ = simulated("impulse_invariance", n=8000)
    peak = np.poly(0.99 * np.exp(1j * np.array([1.0, -1.0]))).real
    assert identify(labelled(lfilter([1.0], peak, traces.values)), noise="none").misfit_p_value < 1e-6


def test_the_way_back_from_a_pole():
    for name, order in SCHEMES:
        pole = float(discretize(NEURON, DT, name, order).poles[0])
        assert time_constant_from_pole(pole, DT, name, order) == pytest.approx(0.020, rel=1e-10)
    assert time_constant_from_pole(0.9, DT, "zoh") == nominal_time_constant(-DT / np.log(0.9), DT, "zoh")
    assert np.isnan(time_constant_from_pole(1.0, DT, "zoh"))


def test_the_error_falls_with_length_and_grows_with_noise():
    study = identification_study(NEURON, DT, "backward_euler", [200, 1600], [0.01, 0.1], repeats=16)
    spread = study["spread"]
    assert np.all(spread.sel(length=1600) < 0.6 * spread.sel(length=200))  # sqrt(8) = 2.8 times less
    assert np.all(spread.sel(noise=0.1) > 4 * spread.sel(noise=0.01))  # in proportion to the noise
    assert float(abs(study["bias"]).max()) < 0.05 and float(study["coverage"].min()) > 0.7
    blind = identification_study(NEURON, DT, "backward_euler", [1600], [0.0], repeats=8, with_input=False)
    assert float(blind["spread"].max()) > 3 * float(spread.sel(length=1600, noise=0.01).max())


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda v: v * np.nan, {}, "finite"),
        (lambda v: v * 0 + 3, {}, "must not be constant: trace 0 is 3"),
        (lambda v: v[:, :40], {}, "at least 50 samples"),
        (lambda v: v, {"input": np.zeros((1, 400))}, "silent or constant in trace 0"),
        (lambda v: v, {"input": np.zeros((1, 399))}, "must have the shape"),
        (lambda v: v, {"input": xr.DataArray(np.zeros(400), dims="time")}, "must have the dimensions"),
        (lambda v: v, {"noise": "pink"}, "noise must be one of"),
        (lambda v: v, {"noise": "process"}, "needs the input"),
        (lambda v: v, {"level": 1.0}, "level must lie between 0 and 1"),
        (lambda v: v, {"schemes": ["euler"]}, "scheme must be one of"),
        (lambda v: v, {"schemes": []}, "at least one scheme"),
        (lambda v: v, {"schemes": ["continuous"], "input": np.ones((1, 400))}, "must not name 'continuous'"),
        (lambda v: v, {"spikes": np.eye(1, 400)}, "give reset='subtract'"),
        (lambda v: v, {"spikes": np.eye(1, 400), "reset": "subtract"}, "v_threshold must be given"),
        (lambda v: v, {"spikes": np.eye(1, 400), "reset": "subtract", "v_threshold": 1.0}, "phase must say"),
    ],
)
def test_bad_input(change, options, message):
    traces, _, _ = simulated("zoh", n=400)
    with pytest.raises(ValueError, match=message):
        identify(labelled(change(traces.values)), **options)


def test_wrong_types():
    traces, _, _ = simulated("zoh", n=400)
    with pytest.raises(TypeError, match="must be an xarray.DataArray"):
        identify(traces.values)
    with pytest.raises(TypeError, match="neuron must be a CubaLIF"):
        identify(traces, neuron=0.02)
    with pytest.raises(TypeError, match="must be a list of names"):
        identify(traces, schemes="zoh")


def test_a_file_without_a_neuron_needs_no_nominal_constants():
    traces, _, _ = simulated("impulse_invariance", n=2000)
    silent = make_traces(traces.values, DT, ("trial", "time"), spikes=np.zeros(traces.shape, dtype=np.uint8))
    found = identify(silent)
    assert found.uses == "voltage" and np.isnan(found.candidates[0].nominal_p_value)
    assert "not ruled out" in repr(found) and list(found.table().columns)[0] == "scheme"


def test_onset_is_left_out_after_the_resets_were_added_back():
    """The recorded layer: the same poles as of its resets added back with the known pole, then cut."""
    from snntheory import artefacts
    from snntheory.spectral import without_resets

    traces = artefacts.load("hidden-physical-1ms").isel(neuron=[4, 5], trial=slice(0, 12))
    found = identify(traces, onset=0.05, schemes=["backward_euler"])
    free = without_resets(traces).isel(time=slice(50, None)).assign_attrs(dt=0.001)
    wanted = identify(free, schemes=["backward_euler"])
    assert found.n_samples == wanted.n_samples == free.size
    # the membrane's pole is estimated here and known there: two estimates of one pair, so their intervals overlap
    low, high = (pick(found.intervals, wanted.intervals) for pick in (np.maximum, np.minimum))
    assert np.all(low[:, 0] < high[:, 1])
    silent = identify(free, onset=0.02)
    cut = identify(free.isel(time=slice(20, None)))
    np.testing.assert_allclose(silent.time_constants, cut.time_constants, rtol=1e-12)
    assert found.membrane == "slow" and wanted.membrane == "unknown"
    with pytest.raises(ValueError, match="onset must leave"):
        identify(traces, onset=0.6)
    with pytest.raises(ValueError, match="onset is for voltage alone"):
        identify(traces, input=np.ones(traces["voltage"].shape).cumsum(-1), onset=0.05)


def test_a_long_record_is_analysed_in_pieces(monkeypatch):
    """The same result as from the whole, but for what the pieces' means take away, in a fraction of the time."""
    traces, _, model = simulated("backward_euler", n=24001)
    whole = identify(traces, noise="none", onset=0.001)
    monkeypatch.setattr(identification, "LONGEST", 5000)
    pieces = identify(traces, noise="none", onset=0.001)
    width = np.diff(whole.intervals, axis=1)[:, 0]
    # five pieces of 240 slow time constants each: their means and ends hold a few per cent of what the whole holds
    np.testing.assert_allclose(pieces.time_constants, whole.time_constants, atol=0.15 * width.min())
    np.testing.assert_allclose(np.diff(pieces.intervals, axis=1)[:, 0], width, rtol=0.1)
    assert pieces.n_samples == 24000 == whole.n_samples
    silent = labelled(np.concatenate([np.zeros((1, 4800)), traces.values[:, 1:]], axis=1))
    again = identify(silent, noise="none")  # a piece in which nothing happens says nothing
    np.testing.assert_allclose(again.time_constants, pieces.time_constants, atol=0.15 * width.min())
    low, high = pieces.intervals.T
    assert np.all((low < true_time_constants(model)) & (true_time_constants(model) < high))


@pytest.mark.parametrize("given", [False, True])
def test_a_diverging_voltage_is_refused(given):
    with pytest.warns(UserWarning, match="not below the stability limit"):
        model = discretize(CubaLIF(0.003, 0.002), 0.005, "forward_euler")
    inputs = np.random.default_rng(0).poisson(0.4, (1, 1500)).astype(float)
    with pytest.raises(ValueError, match=r"traces must not diverge, got values up to .* smaller dt"):
        identify(labelled(model.simulate(inputs)[0], 0.005), inputs if given else None)
