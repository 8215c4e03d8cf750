"""Discrete wavelets: inverses, sums, what the ends disturb, bands in hertz."""

import numpy as np
import pytest
import pywt
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from snntheory import make_traces
from snntheory.spectral import dwt, idwt, multiresolution, swt, wavelet_packets

DT = 1e-3


def trace(values, dt=DT):
    dims = ("neuron", "time")[-np.ndim(values) :]
    return xr.DataArray(np.asarray(values), dims=dims, attrs={"dt": dt})


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# Inverses and sums ------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.integers(40, 300),
    st.sampled_from(["haar", "db4", "sym5", "bior2.4"]),
    st.sampled_from(["symmetric", "zero", "periodization", "reflect"]),
)
def test_inverse_returns_the_traces(n, wavelet, mode):
    x = trace(noise(3, n, seed=n))
    back = idwt(dwt(x, wavelet, mode=mode))
    assert back.dims == ("neuron", "time")
    np.testing.assert_allclose(back.values, x.values, atol=1e-10)  # rounding of some ten filters


@settings(max_examples=25, deadline=None)
@given(
    st.integers(40, 300),
    st.sampled_from(["haar", "db4", "sym5", "bior2.4", "coif3"]),
    st.sampled_from(["swt", "dwt"]),
)
def test_components_add_up(n, wavelet, transform):
    x = trace(noise(2, n, seed=n))
    if pywt.dwt_max_level(n, pywt.Wavelet(wavelet).dec_len) > 0:
        parts = multiresolution(x, wavelet, transform=transform)
        np.testing.assert_allclose(parts.sum("component").values, x.values, atol=1e-10)


def test_dmey_does_not_add_up():
    # Its filters are cut off; the docstring says so. All others of PyWavelets do.
    x = trace(noise(1111))
    assert 1e-3 < float(np.abs(multiresolution(x, "dmey", 3).sum("component") - x).max()) < 0.05


@pytest.mark.parametrize(("wavelet", "share"), [("haar", 0.181690), ("db4", 0.0903), ("sym8", 0.0635)])
def test_leakage_of_a_level(wavelet, share):
    # Share of white noise's power in detail 1 that lies below f_s / 4. Haar by hand: 2 ∫_0^{1/4} (1 - cos 2πf) df
    # = 1/2 - 1/π.
    d = swt(trace(noise(20, 2**14)), wavelet, 1)["detail"].isel(level=0)
    power = (np.abs(np.fft.rfft(d.values)) ** 2).mean(axis=0)
    assert power[: power.size // 2].sum() / power.sum() == pytest.approx(share, abs=0.003)  # 3e5 values


def test_a_component_holds_its_band():
    t = DT * np.arange(1024)
    slow, fast = np.cos(2 * np.pi * 10 * t), np.cos(2 * np.pi * 180 * t)
    parts = multiresolution(trace(slow + fast), "sym8", 4)
    assert parts["component"].values.tolist() == [
        "approximation", "detail 4", "detail 3", "detail 2", "detail 1",
    ]  # fmt: skip
    np.testing.assert_array_equal(parts["low"], [0, 31.25, 62.5, 125, 250])
    np.testing.assert_array_equal(parts["high"], [31.25, 62.5, 125, 250, 500])
    inner = slice(300, -300)
    # sym8 lets 1e-3 of the amplitude through an octave away from the edge of its band
    np.testing.assert_allclose(parts.sel(component="approximation").values[inner], slow[inner], atol=0.01)
    np.testing.assert_allclose(parts.sel(component="detail 2").values[inner], fast[inner], atol=0.08)


def test_periodization_and_stationary_keep_the_energy():
    x = noise(4, 512)
    found = dwt(trace(x), "db4", 4, mode="periodization")
    energy = sum((found[name] ** 2).sum(found[name].dims[-1]) for name in found.data_vars)
    np.testing.assert_allclose(energy, (x**2).sum(axis=1), rtol=1e-10)  # orthogonal
    found = swt(trace(x), "db4", 4)
    assert found.attrs["padded"] == 0
    energy = (found["detail"] ** 2).sum(("level", "time")) + (found["approximation"] ** 2).sum("time")
    np.testing.assert_allclose(energy, (x**2).sum(axis=1), rtol=1e-10)  # a tight frame, normalised


# The ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wavelet", "n"), [("haar", 64), ("db4", 100), ("db4", 101), ("sym5", 200)])
def test_exactly_the_marked_coefficients_change_with_the_extension(wavelet, n):
    x = noise(n) + 3.0
    a, b = (dwt(trace(x), wavelet, mode=mode) for mode in ("zero", "smooth"))
    for name in a.data_vars:
        label = a[name].dims[-1].removeprefix("time_")
        changed = ~np.isclose(a[name].values, b[name].values, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(changed, a[f"boundary_{label}"].values)
        assert label != "1" or not changed.all()


def test_periodization_marks_what_wraps():
    x = noise(128)
    there = dwt(trace(x), "db4", 3, mode="periodization")
    x[-1] += 1.0  # seen by the other end only around the circle
    change = dwt(trace(x), "db4", 3, mode="periodization") - there
    for label in ("1", "2", "3"):
        touched = np.abs(change[f"detail_{label}"].values) > 1e-12
        first_half = np.arange(touched.size) < touched.size // 2
        assert np.all(there[f"boundary_{label}"].values[touched & first_half])
        assert np.any(touched & first_half)


@pytest.mark.parametrize("n", [256, 250])
def test_stationary_and_components_mark_their_ends(n):
    x = noise(n)
    y = x.copy()
    y[-1] += 1.0
    for boundary, function in (
        (swt(trace(x), "db4", 3)["boundary"], lambda z: swt(trace(z), "db4", 3)["detail"]),
        (multiresolution(trace(x), "db4", 3)["boundary"], lambda z: multiresolution(trace(z), "db4", 3)),
    ):
        change = function(y) - function(x)
        seen = np.abs(change.values) > 1e-12
        assert seen[:, : n // 4].any()  # the last sample reaches the beginning, around the circle or mirrored
        assert np.all(boundary.values[:, : n // 2][seen[:, : n // 2]])


def test_a_component_reaches_as_far_as_its_boundary():
    x = np.zeros(1024)
    x[512] = 1.0
    parts = multiresolution(trace(x), "db4", 3)
    for part in parts:
        reached = np.flatnonzero(np.abs(part.values) > 1e-12)
        width = int(part["boundary"].values[:512].sum())
        assert (512 - reached[0], reached[-1] - 512) == (width, width)


def test_times_are_where_the_coefficients_look():
    # A burst at 0.6 s shows at 0.6 s at its level, within one step of that level (2^3 samples).
    t = DT * np.arange(1024)
    burst = np.exp(-0.5 * ((t - 0.6) / 0.02) ** 2) * np.cos(2 * np.pi * 90 * (t - 0.6))
    for found in (dwt(trace(burst), "db8", 4), dwt(trace(burst), "db8", 4, mode="periodization")):
        power = found["detail_3"] ** 2
        assert float((power * power["time_3"]).sum() / power.sum()) == pytest.approx(0.6, abs=4e-3)
    middle = np.exp(-0.5 * ((t - 0.6) / 0.04) ** 2) * np.cos(
        2 * np.pi * 78 * (t - 0.6)
    )  # of 62.5 to 93.75 Hz
    packets = wavelet_packets(trace(middle), "sym8", 4)
    power = packets.isel(band=int(np.argmax((packets**2).sum("time").values))) ** 2
    centre = float((power * power["time"]).sum() / power.sum()) + float(power["delay"])
    assert centre == pytest.approx(0.6, abs=4e-3)
    stationary = swt(trace(burst), "db8", 4)
    power = stationary["detail"].sel(level=3) ** 2
    centre = float((power * power["time"]).sum() / power.sum())
    assert centre + float(power["delay"]) == pytest.approx(0.6, abs=4e-3)


# Bands, lengths ---------------------------------------------------------------------------------------------


def test_packets_come_in_the_order_of_frequency():
    t = DT * np.arange(2048)
    for f in (20.0, 100.0, 225.0, 300.0, 410.0, 480.0):
        packets = wavelet_packets(trace(np.cos(2 * np.pi * f * t)), "sym16", 3)
        strongest = packets.isel(band=int(np.argmax((packets**2).sum("time").values)))
        assert strongest["low"] <= f <= strongest["high"]
    assert packets["band"].values.tolist() == ["aaa", "aad", "add", "ada", "dda", "ddd", "dad", "daa"]


def test_bands_of_levels():
    found = dwt(trace(noise(256)), "db4", 3)
    assert found["detail_1"].attrs["band"] == [250.0, 500.0]
    assert found["detail_3"].attrs["band"] == [62.5, 125.0]
    assert found["approximation"].attrs["band"] == [0.0, 62.5]


def test_same_numbers_as_pywavelets():
    x = noise(2, 200)
    found = dwt(trace(x), "sym5", 3)
    for name, theirs in zip(
        ("approximation", "detail_3", "detail_2", "detail_1"), pywt.wavedec(x, "sym5", level=3), strict=True
    ):
        np.testing.assert_array_equal(found[name].values, theirs)


@pytest.mark.parametrize("n", [100, 127, 128])
def test_stationary_at_any_length(n):
    found = swt(trace(noise(2, n)), "db2", 4)
    assert found["detail"].shape == (2, 4, n) and found.attrs["padded"] == -n % 16
    # Inside the boundary it is the transform of any longer record.
    longer = swt(trace(np.pad(noise(2, n), ((0, 0), (0, 16 * 20 - n)))), "db2", 4)
    inner = ~found["boundary"].values
    assert inner[0].sum() > 50
    np.testing.assert_allclose(
        found["detail"].values[:, inner], longer["detail"].values[..., :n][:, inner], atol=1e-12
    )


def test_labels_lazy_and_single_precision():
    traces = make_traces(noise(2, 3, 128), DT, t0=0.5, value_unit="mV")
    lazy = traces.chunk(neuron=1, time=50)
    for function in (
        multiresolution,
        wavelet_packets,
        lambda x: swt(x)["detail"],
        lambda x: dwt(x)["detail_2"],
    ):
        eager = function(traces)
        assert eager.dims[:2] == ("trial", "neuron") and eager.attrs["units"] == "mV"
        later = function(lazy)
        assert later.chunks is not None
        np.testing.assert_allclose(later.values, eager.values, atol=1e-12)
        assert function(traces["voltage"].astype(np.float32).assign_attrs(dt=DT)).dtype == np.float32
    assert multiresolution(traces)["time"].values[0] == 0.5
    assert idwt(dwt(traces))["time"].values[0] == 0.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wavelet": "cmor1.5-1.0"}, "discrete wavelet"),
        ({"wavelet": "morl"}, "for continuous ones use cwt"),
        ({"wavelet": "db"}, "did you mean 'db"),
        ({"wavelet": "db400"}, "lists them"),
        ({"level": 20}, "at most 3"),
        ({"level": 0}, "level must be at least 1"),
    ],
)
@pytest.mark.parametrize("function", [dwt, swt, multiresolution, wavelet_packets])
def test_bad_input(function, options, words):
    with pytest.raises(ValueError, match=words):
        function(trace(noise(100)), **options)


def test_more_bad_input():
    with pytest.raises(ValueError, match="mode must be one of"):
        dwt(trace(noise(100)), mode="mirror")
    with pytest.raises(ValueError, match="too few.*haar"):
        dwt(trace(noise(10)))
    with pytest.raises(ValueError, match="NaN"):
        multiresolution(trace(np.full(100, np.nan)))
    with pytest.raises(ValueError, match="transform must be one of"):
        multiresolution(trace(noise(100)), transform="modwt")
    with pytest.raises(TypeError, match="made by dwt"):
        idwt(trace(noise(100)))
