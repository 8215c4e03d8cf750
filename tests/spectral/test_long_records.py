"""Lazy and long traces: overlap-save equals the whole transform, in blocks of the size that was asked for."""

import numpy as np
import pytest
import xarray as xr

from snntheory.spectral import (
    Morlet,
    Morse,
    cwt,
    global_wavelet_spectrum,
    outside_cone,
    streamed_wavelet_spectrum,
)

dask = pytest.importorskip("dask.array")
DT = 1e-3


def trace(n=20_000, rows=2, seed=0):
    x = np.random.default_rng(seed).standard_normal((rows, n)) + 5 + 1e-3 * np.arange(n)
    return xr.DataArray(x, dims=("neuron", "time"), attrs={"dt": DT})


@pytest.mark.parametrize("detrend", ["constant", "linear", None])
@pytest.mark.parametrize("wavelet", [Morlet(), Morse(), Morse(3.0, 3.0)])
def test_overlap_save_is_the_whole_transform(wavelet, detrend):
    x, grid = trace(), np.geomspace(2, 250, 20)
    whole = cwt(x, grid, wavelet, detrend=detrend)
    lazy = cwt(x.chunk(time=3000, neuron=1), grid, wavelet, detrend=detrend, block_bytes=2**20)
    assert max(lazy.data.chunks[-1]) < 20_000 and lazy.dims == whole.dims
    assert 16 * np.prod(lazy.data.chunksize) <= 2**20
    # Blocks see each other up to where the envelope is 1e-6; Morse (3, 3) decays like t^{-4}, and a trend is large.
    tolerance = 1e-6 if wavelet != Morse(3.0, 3.0) else 2e-5
    assert np.abs(lazy.values - whole.values).max() < tolerance * np.abs(whole.values).max()
    xr.testing.assert_identical(lazy["cone_of_influence"], whole["cone_of_influence"])


def test_near_nyquist_blocks_agree_to_a_hundredth():
    # The sampling cuts the wavelet off in frequency; in time it then falls like 1/t only.
    x, grid = trace(), np.array([450.0, 500.0])
    lazy = cwt(x.chunk(time=3000), grid, detrend="linear", block_bytes=2**17)
    assert len(lazy.chunksizes["time"]) > 4
    whole = cwt(x, grid, detrend="linear").values
    # ψ falls like hat/(π t): of white noise beyond 512 samples it leaves √(2 / (512 π²)) = 0.02, rms, of σ = 1
    error = np.abs(lazy.values - whole)
    assert np.sqrt((error**2).mean()) < 0.02 and error.max() < 0.1
    assert error.max() > 1e-4


def test_rows_and_frequencies_in_blocks():
    x, grid = trace(2000, 6), np.geomspace(5, 400, 12)
    lazy = cwt(x.chunk(neuron=4), grid, block_bytes=100_000)
    assert 16 * np.prod(lazy.data.chunksize) <= 100_000
    np.testing.assert_allclose(lazy.values, cwt(x, grid).values, atol=1e-12)


def test_reductions_of_lazy_transforms():
    x, grid = trace(), np.geomspace(3, 200, 8)
    whole = cwt(x, grid)
    lazy = cwt(x.chunk(time=3000), grid, block_bytes=2**19)
    assert outside_cone(lazy).chunks is not None
    np.testing.assert_array_equal(outside_cone(lazy).values, outside_cone(whole).values)
    np.testing.assert_allclose(
        global_wavelet_spectrum(lazy).values, global_wavelet_spectrum(whole).values, rtol=1e-6
    )


@pytest.mark.parametrize("options", [{}, {"density": True, "norm": "l1"}, {"outside_cone": False}])
@pytest.mark.parametrize("wavelet", ["morlet", "morse"])
def test_streamed_spectrum_is_that_of_the_whole(options, wavelet):
    x, grid = trace(8000), np.geomspace(5, 250, 8)
    w = cwt(x, grid, wavelet, options.get("norm", "l2"))
    rest = {k: v for k, v in options.items() if k != "norm"}
    expected = global_wavelet_spectrum(w, **rest)
    blocks = []
    found = streamed_wavelet_spectrum(x, grid, wavelet, block_bytes=2**20, progress=blocks.append, **options)
    assert len(blocks) > 3 and blocks[-1] == 1.0 and np.all(np.diff(blocks) > 0)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-6)
    assert found.attrs == expected.attrs and found.dims == expected.dims
    lazy = streamed_wavelet_spectrum(x.chunk(time=999), grid, wavelet, block_bytes=2**20, **options)
    np.testing.assert_array_equal(lazy.values, found.values)


def test_streaming_reads_a_block_at_a_time(tmp_path, monkeypatch):
    from snntheory.spectral import long_records

    path = tmp_path / "long.npy"
    np.save(path, np.random.default_rng(0).standard_normal(200_000).astype(np.float32))
    record = xr.DataArray(np.load(path, mmap_mode="r"), dims="time", attrs={"dt": DT})
    sizes = []
    original = long_records._read

    def counting(row, start, stop, n, mean):
        sizes.append(stop - start)
        return original(row, start, stop, n, mean)

    monkeypatch.setattr(long_records, "_read", counting)
    spectrum = streamed_wavelet_spectrum(record, [20.0, 100.0], block_bytes=2**20)
    # What a block may hold, from the stated bytes a sample: no step holds more.
    from snntheory.spectral._signal import workers

    assert max(sizes) <= 2**20 // (long_records.BYTES_PER_SAMPLE + long_records.BYTES_PER_THREAD * workers())
    assert sum(sizes) > 2 * 200_000
    np.testing.assert_allclose(spectrum, 1.0, atol=0.1)  # 200 s × 20/6 Hz: 4 % at one σ


def test_frequencies_without_anything_outside_their_cone():
    spectrum = streamed_wavelet_spectrum(trace(300), [2.0, 100.0])
    assert np.isnan(spectrum.values[:, 0]).all() and np.isfinite(spectrum.values[:, 1]).all()


def test_bad_input():
    x = trace(20_000)
    with pytest.raises(ValueError, match="block_bytes = 100000 is too small.*decimate"):
        streamed_wavelet_spectrum(x, [0.5], block_bytes=100_000)
    with pytest.raises(ValueError, match="block_bytes = 20000 is too small.*decimate"):
        cwt(x.chunk(time=1000), [2.0, 3.0], block_bytes=20_000)
    with pytest.raises(ValueError, match="Nyquist"):
        streamed_wavelet_spectrum(x, [600.0])
    with pytest.raises(ValueError, match="detrend must be one of"):
        streamed_wavelet_spectrum(x, [100.0], detrend="linear")
    x[1, 7777] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity: first at time index 7777"):
        streamed_wavelet_spectrum(x, [100.0])
    with pytest.raises(ValueError, match="NaN or infinity"):
        cwt(x.chunk(time=1000), [100.0], block_bytes=2**16, detrend=None).compute()
