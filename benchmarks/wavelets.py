"""Continuous wavelet transforms side by side: PyWavelets, ssqueezepy, fCWT and ours, speed and accuracy in one run.

    python -m venv ~/wavelet-peers
    ~/wavelet-peers/bin/pip install -e . ssqueezepy fCWT 'numpy<2.4'
    ~/wavelet-peers/bin/python benchmarks/wavelets.py

64 traces of 4,096 samples at 64 frequencies, Morlet wavelet with ω0 = 6. The traces are Gaussian bursts, whose
transform is a formula: the error is the largest difference of |W| from it, in parts of its maximum (moduli, because
PyWavelets' delay is off by a part of a sample; the last column has the complex difference). Every library gets zero
padding, the same frequencies and its own normalisation, which is divided out. Times are the best of several
alternating runs; a peer that is not installed is left out with a line that says so. ``--threads`` counts for all that
can use several. fCWT needs FFTW's single-precision library with OpenMP on the system (Debian: libfftw3-single3).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

DT, OMEGA0 = 1e-3, 6.0


def bursts(traces: int, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Traces, and each one's width (s), frequency (rad/s) and centre (s)."""
    rng = np.random.default_rng(0)
    frequency = rng.uniform(25, 180, traces)
    width = rng.uniform(1.5, 8, traces) / frequency  # at least nine radians: negative frequencies are empty
    centre = samples * DT * rng.uniform(0.35, 0.65, traces)
    t = DT * np.arange(samples) - centre[:, None]
    x = np.exp(-0.5 * (t / width[:, None]) ** 2) * np.cos(2 * np.pi * frequency[:, None] * t)
    return x, width, 2 * np.pi * frequency, centre


def formula(
    width: np.ndarray, omega: np.ndarray, centre: np.ndarray, scales: np.ndarray, samples: int
) -> np.ndarray:
    """W of the bursts, normalised so that a cosine of amplitude 1 has |W| = 1: array (trace, scale, time)."""
    t = DT * np.arange(samples) - centre[:, None, None]
    a, w, s = width[:, None, None], omega[:, None, None], scales[:, None]
    total, mixed = a**2 + s**2, a**2 * w + s * OMEGA0
    exponent = (mixed + 1j * t) ** 2 / (2 * total) - 0.5 * ((a * w) ** 2 + OMEGA0**2)
    return np.asarray(a / np.sqrt(total) * np.exp(exponent))


Task = Callable[[], Any]
Reader = Callable[[Any], np.ndarray]


def ours(x: np.ndarray, frequencies: np.ndarray, device: str = "cpu") -> tuple[Task, Reader]:
    import xarray as xr

    from snntheory.spectral import cwt

    traces = xr.DataArray(x, dims=("trace", "time"), attrs={"dt": DT})
    return lambda: cwt(traces, frequencies, norm="l1", detrend=None, device=device), lambda w: w.values


def pywavelets(x: np.ndarray, frequencies: np.ndarray, method: str) -> tuple[Task, Reader]:
    import pywt

    scales = OMEGA0 / (2 * np.pi * frequencies) / DT
    name = f"cmor2.0-{OMEGA0 / (2 * np.pi):.15f}"

    def read(result: Any) -> np.ndarray:
        return np.moveaxis(2 * result[0] / np.sqrt(scales)[:, None, None], 0, 1)

    return lambda: pywt.cwt(x, scales, name, method=method, axis=-1), read


def ssqueezepy(x: np.ndarray, frequencies: np.ndarray) -> tuple[Task, Reader]:
    import ssqueezepy as ssq

    wavelet = ssq.Wavelet(("morlet", {"mu": OMEGA0}), dtype=str(x.dtype))
    scales = (OMEGA0 / (2 * np.pi * frequencies[::-1]) / DT).astype(x.dtype)  # it wants them to rise
    top = float(np.max(np.abs(wavelet(np.linspace(OMEGA0 - 0.01, OMEGA0 + 0.01, 2001).astype(x.dtype)))))

    def task() -> Any:
        return ssq.cwt(x, wavelet, scales=scales, padtype="zero", l1_norm=True, fs=1.0)

    return task, lambda result: 2 / top * np.asarray(result[0])[:, ::-1]


def fcwt(x: np.ndarray, frequencies: np.ndarray, threads: int) -> tuple[Task, Reader]:
    import fcwt as library

    x = x.astype(np.float32)  # it has no other precision
    morlet = library.Morlet(OMEGA0 / (2 * np.pi))
    low, high = float(frequencies[0]), float(frequencies[-1])
    scales = library.Scales(morlet, library.FCWT_LOGSCALES, round(1 / DT), low, high, frequencies.size)
    transform = library.FCWT(morlet, threads, False, True)

    def task() -> np.ndarray:
        out = np.empty((len(x), frequencies.size, x.shape[1]), dtype=np.complex64)
        for row, place in zip(x, out, strict=True):
            transform.cwt(row, scales, place)
        return out

    task.kept = morlet  # type: ignore[attr-defined]  # the library holds a bare pointer to it
    return task, lambda w: w[:, ::-1]  # its frequencies fall


def contenders(
    x: np.ndarray, frequencies: np.ndarray, threads: int, truth: np.ndarray, without: list[str]
) -> dict[str, tuple[Task, float, float] | str]:
    """Each one's task, with its errors in modulus and as complex numbers; or why it is left out."""
    single = x.astype(np.float32)
    makers: dict[str, Callable[[], tuple[Task, Reader]]] = {
        "snntheory, float64": lambda: ours(x, frequencies),
        "snntheory, float32": lambda: ours(single, frequencies),
        "snntheory, float64, torch": lambda: ours(x, frequencies, "cpu:0"),
        "PyWavelets fft, float64": lambda: pywavelets(x, frequencies, "fft"),
        "PyWavelets fft, float32": lambda: pywavelets(single, frequencies, "fft"),
        "PyWavelets conv, float64": lambda: pywavelets(x, frequencies, "conv"),
        "ssqueezepy, float64": lambda: ssqueezepy(x, frequencies),
        "ssqueezepy, float32": lambda: ssqueezepy(single, frequencies),
        "fCWT, float32": lambda: fcwt(x, frequencies, threads),
    }
    found: dict[str, tuple[Task, float, float] | str] = {}
    top = np.max(np.abs(truth))
    for name, make in makers.items():
        if any(word in name for word in without):
            continue
        try:
            task, read = make()
            w = read(task())  # compiles, and imports what is imported late
            modulus, whole = np.max(np.abs(np.abs(w) - np.abs(truth))) / top, np.max(np.abs(w - truth)) / top
            found[name] = task, float(modulus), float(whole)
        except ImportError as error:
            found[name] = str(error).split("\n")[0]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--traces", type=int, default=64)
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--scales", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--without", nargs="*", default=[], help="words of names to leave out, such as conv")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    os.environ["SSQ_PARALLEL"] = "1" if options.threads > 1 else "0"

    frequencies = np.geomspace(10.0, 400.0, options.scales)
    x, width, omega, centre = bursts(options.traces, options.samples)
    truth = formula(width, omega, centre, OMEGA0 / (2 * np.pi * frequencies), options.samples)
    found = contenders(x, frequencies, options.threads, truth, options.without)
    seconds: dict[str, float] = {}
    for repeat in range(options.repeats):
        for name, item in found.items():
            if isinstance(item, str) or ("conv" in name and repeat):  # conv takes long: once
                continue
            start = time.perf_counter()
            item[0]()
            seconds[name] = min(seconds.get(name, np.inf), time.perf_counter() - start)

    print(
        f"{options.traces} traces x {options.samples} samples x {options.scales} scales, {options.threads} threads"
    )
    print(f"{'':28}{'seconds':>9}{'/ float64':>11}{'/ float32':>11}{'error of |W|':>14}{'complex':>10}")
    ours64, ours32 = seconds["snntheory, float64"], seconds["snntheory, float32"]
    for name, item in found.items():
        if isinstance(item, str):
            print(f"{name:28} not installed: {item}")
            continue
        _, modulus, whole = item
        took = seconds[name]
        print(f"{name:28}{took:9.3f}{took / ours64:11.2f}{took / ours32:11.2f}{modulus:14.1e}{whole:10.1e}")


if __name__ == "__main__":
    main()
