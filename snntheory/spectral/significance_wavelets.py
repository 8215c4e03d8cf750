"""Is a peak of wavelet power more than the background gives by chance: at a point, over time, over an area?"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.stats import chi2

from .. import _check
from ._signal import frequency_grid
from .backgrounds import Background, surrogates
from .significance import decided, same_step, tested
from .wavelet_families import NORMS, Morlet, Wavelet, _end, as_wavelet, filter_bank, scales_of, wavelet_of
from .wavelets import cwt, distance_to_ends, outside_cone

POINTS = (
    2048  # of the quadrature over a wavelet: the integrand is smooth, and vanishes or is cut at both ends
)
RULES = ("integrated", "local")
DEGREES = ("computed", "torrence_compo")


def expected_wavelet_power(
    background: Background,
    frequencies: ArrayLike,
    wavelet: str | Wavelet = "morlet",
    norm: str = "l2",
    omega0: float = 6.0,
    rule: str = "integrated",
) -> xr.DataArray:
    """Mean wavelet power of a background at each frequency.

    Definition::

        "integrated"    E|W|^2 = integral over 0 < f' < f_N of |psi_hat(s 2 pi f')|^2 S(f') df'
        "local"         S(f) times the same integral of 1: what Torrence & Compo take, right where S is flat

    Parameters
    ----------
    background : Background
    frequencies : array_like, hertz
    wavelet, norm, omega0
        As in :func:`snntheory.spectral.cwt`.
    rule : {"integrated", "local"}

    Returns
    -------
    DataArray (..., frequency)

    Accuracy
    --------
    tests/spectral/test_significance.py: AR(1) and f^-4 against closed forms and quadrature.
    """
    _check.choice("rule", rule, RULES)
    grid, nyquist = frequency_grid(frequencies, background.dt), 0.5 / background.dt
    family = as_wavelet(wavelet, omega0)
    scales = scales_of(family, grid, _check.choice("norm", norm, NORMS))
    end = _end(family)
    powers = []
    for f, scale in zip(grid, scales, strict=True):
        top = min(nyquist, end / (2 * np.pi * scale))
        width = top / POINTS
        fine = (np.arange(POINTS) + 0.5) * width
        passed = xr.DataArray(
            filter_bank(family, fine, [scale], norm, background.dt)[0] ** 2 * width, dims="frequency"
        )
        if rule == "integrated":
            powers.append(xr.dot(passed, background.density(fine), dim="frequency"))
        else:
            powers.append(background.density(np.array([f])).isel(frequency=0) * float(passed.sum()))
    return xr.concat(powers, dim="frequency").transpose(..., "frequency").assign_coords(frequency=grid)


def wavelet_significance(
    transform: xr.DataArray,
    background: Background,
    level: float = 0.95,
    kind: str = "local",
    correction: str = "none",
    rule: str = "integrated",
    degrees: str = "computed",
) -> xr.Dataset:
    """Test wavelet power against a background, point by point or averaged over time.

    Definition::

        "local"     p = P(chi2_2 > 2 |W|^2 / E)             at each frequency and time
        "global"    p = P(chi2_nu > nu <|W|^2> / E)         of the mean over the times free of the ends

    with ``E`` of `expected_wavelet_power` and ``nu`` of `wavelet_degrees`, widened where there are few input spikes
    (`Background`). Free of the ends is what lies outside the cone of influence *and* where the jump at an end, as large
    as the background's standard deviation, adds less than a hundredth of ``E``: on a steep spectrum that jump outweighs
    high frequencies well outside the usual cone.

    Parameters
    ----------
    transform : DataArray (..., frequency, time)
        As from :func:`snntheory.spectral.cwt`.
    background : Background
    level : float
    kind : {"local", "global"}
    correction : {"none", "bonferroni", "fdr"}
        Over all points of a trace outside the cone. Neighbouring points are not independent: Bonferroni's is then too
        strict, the false discovery rate still holds (positive dependence). `area_test` asks of the map as a whole.
    rule : {"integrated", "local"}
    degrees : {"computed", "torrence_compo"}

    Returns
    -------
    Dataset (..., frequency[, time])
        As :func:`snntheory.spectral.spectrum_significance`; NaN where the ends reach.

    Assumptions
    -----------
    Gaussian voltage: many input spikes within the wavelet. Where there are few, |W|^2 has a longer tail.

    Accuracy
    --------
    tests/spectral/test_significance.py: false positives of the neuron with Poisson input.

    References
    ----------
    Torrence & Compo 1998, section 4 and equations 16 to 18 and 23; Maraun & Kurths 2004 for areas.
    """
    level = _check.probability("level", level)
    _check.choice("kind", kind, ("local", "global"))
    _check.choice("degrees", degrees, DEGREES)
    same_step(transform, background)
    wavelet, norm = wavelet_of(transform.attrs), transform.attrs["norm"]
    grid = transform["frequency"].values
    expected = expected_wavelet_power(background, grid, wavelet, norm, rule=rule)
    free = _free_of_ends(transform, background, expected)
    power = transform.real**2 + transform.imag**2
    if kind == "local":
        out = tested(power, expected, 2.0, level, free)
        return decided(out, ("frequency", "time"), level, correction, background.name)
    count = free.sum("time")
    mean = power.where(free, 0.0).sum("time") / count.where(count > 0)
    nu = wavelet_degrees(background, grid, count.values, wavelet, norm, degrees)
    nu = 1 / (1 / nu + background.excess / (2 * background.dt * count.where(count > 0)))
    out = tested(mean, expected, nu, level, count > 0)
    return decided(out.assign(degrees_of_freedom=nu), ("frequency",), level, correction, background.name)


def wavelet_degrees(
    background: Background,
    frequencies: ArrayLike,
    samples: ArrayLike,
    wavelet: str | Wavelet = "morlet",
    norm: str = "l2",
    method: str = "computed",
) -> xr.DataArray:
    """Degrees of freedom of wavelet power averaged over time.

    Definition, with ``rho`` the autocorrelation of ``W`` at that scale for the background::

        "computed"          nu = 2 / sum_{|m| < n} (1 - |m|/n) |rho(m dt)|^2 / n
        "torrence_compo"    nu = 2 sqrt(1 + (n dt / (2.32 s))^2), fitted by them to the Morlet wavelet of omega0 = 6

    The first makes mean and variance of the average those of the chi-square variable.

    Parameters
    ----------
    background : Background
    frequencies : array_like (m,), hertz
    samples : array_like of int (m,)
        Number of samples averaged at each frequency.
    wavelet, norm
    method : {"computed", "torrence_compo"}

    Returns
    -------
    DataArray (..., frequency), NaN where nothing is averaged
    """
    family = as_wavelet(wavelet)
    grid = frequency_grid(frequencies, background.dt)
    n = np.broadcast_to(np.asarray(samples), grid.shape)
    scales = scales_of(family, grid, norm)
    if _check.choice("method", method, DEGREES) == "torrence_compo":
        if family != Morlet(6.0):
            raise ValueError(f"'torrence_compo' holds for Morlet(6.0) only, got {family}; take 'computed'")
        span = np.where(n > 0, n * background.dt / (2.32 * scales), np.nan)
        return xr.DataArray(2 * np.sqrt(1 + span**2), dims="frequency", coords={"frequency": grid})
    size = 4 * int(max(n.max(), 256))
    fine = np.asarray(np.fft.rfftfreq(size, background.dt), dtype=np.float64)
    density = background.density(fine).transpose(..., "frequency")
    out = []
    for k, scale in enumerate(scales):
        if n[k] == 0:
            out.append(density.isel(frequency=0, drop=True) * np.nan)
            continue
        passed = density.values * filter_bank(family, fine, [scale], norm, background.dt)[0] ** 2
        rho = np.fft.ifft(passed, size)[..., : n[k]]
        square = np.abs(rho / rho[..., :1]) ** 2 * (1 - np.arange(n[k]) / n[k])
        shared = (2 * square.sum(axis=-1) - 1) / n[k]
        out.append(density.isel(frequency=0, drop=True).copy(data=2 / shared))
    return xr.concat(out, dim="frequency").transpose(..., "frequency").assign_coords(frequency=grid)


def area_test(
    transform: xr.DataArray,
    background: Background,
    level: float = 0.95,
    n_surrogates: int = 200,
    rng: np.random.Generator | int | None = 0,
) -> xr.Dataset:
    """Is more of the time-frequency plane significant than the background gives by chance?

    Definition
        The share of the points outside the cone of influence where the local test is significant, and its rank among
        the shares of Gaussian records of the background:  p = (1 + #{surrogates with as much}) / (1 + n_surrogates).

    Parameters
    ----------
    transform : DataArray (..., frequency, time)
        As from :func:`snntheory.spectral.cwt`.
    background : Background
    level : float
        Of the local test.
    n_surrogates : int
    rng : numpy.random.Generator or int
        Generator or seed.

    Returns
    -------
    Dataset (...)
        ``fraction``, ``p_value``, and ``null_fraction`` (..., surrogate).
    """
    level = _check.probability("level", level)
    same_step(transform, background)
    generator = np.random.default_rng(rng)
    wavelet, norm = wavelet_of(transform.attrs), transform.attrs["norm"]
    grid, free = transform["frequency"].values, outside_cone(transform)
    if not bool(free.any()):
        raise ValueError(
            "nothing lies outside the cone of influence; record more or ask for higher frequencies"
        )
    threshold = expected_wavelet_power(background, grid, wavelet, norm) * chi2.ppf(level, 2) / 2

    def fraction(w: xr.DataArray) -> xr.DataArray:
        above = (w.real**2 + w.imag**2 > threshold) & free.values
        return above.sum(["frequency", "time"]) / int(free.sum())

    measured = fraction(transform.drop_vars("time", errors="ignore"))
    null = []
    for _ in range(_check.integer("n_surrogates", n_surrogates, minimum=19)):
        record = surrogates(background, transform.sizes["time"], 1, generator).isel(surrogate=0)
        drawn = cwt(record, grid, wavelet, norm).drop_vars("time", errors="ignore")
        null.append(fraction(drawn))
    ranked = xr.concat(null, dim="surrogate")
    p = (1 + (ranked >= measured).sum("surrogate")) / (1 + len(null))
    return xr.Dataset({"fraction": measured, "p_value": p, "null_fraction": ranked})


def _free_of_ends(transform: xr.DataArray, background: Background, expected: xr.DataArray) -> xr.DataArray:
    """Outside the cone of influence, and where a jump at an end adds less than a hundredth of the expected power."""
    reach = end_reach(background, expected, wavelet_of(transform.attrs), transform.attrs["norm"])
    beyond = (distance_to_ends(transform) >= reach).transpose(..., "frequency", "time")
    return outside_cone(transform) & beyond


def end_reach(
    background: Background, expected: xr.DataArray, wavelet: Wavelet, norm: str, share: float = 0.01
) -> xr.DataArray:
    """How far from its ends a record's wavelet power is disturbed by the jump there, in seconds.

    Definition
        The last time at which  variance |W_step(t)|^2 > share E,  W_step the transform of a unit step, largest over
        the traces that have a background of their own.
    """
    dt, grid = background.dt, expected["frequency"].values
    scales = scales_of(wavelet, grid, norm)
    half = int(np.ceil(12 * scales.max() / dt)) + 16
    step = np.zeros(4 * half)
    step[:half] = 0.5
    step[half : 3 * half] = -0.5
    step[3 * half :] = 0.5  # two jumps, each far from the other
    spectrum = np.fft.rfft(step)
    fine = (np.arange(4096) + 0.5) / 4096 * 0.5 / dt
    variance = float((background.density(fine).mean("frequency") / dt).max())
    reach = np.empty(grid.size)
    least = expected.min([each for each in expected.dims if each != "frequency"])
    for k, scale in enumerate(scales):
        product = np.zeros(4 * half, dtype=np.complex128)
        product[: spectrum.size] = (
            spectrum * filter_bank(wavelet, np.fft.rfftfreq(4 * half, dt), [scale], norm, dt)[0]
        )
        profile = variance * np.abs(np.fft.ifft(product)[half : 2 * half]) ** 2
        above = np.flatnonzero(profile > share * float(least[k]))
        reach[k] = dt * (above[-1] + 1) if above.size else 0.0
    return xr.DataArray(reach, dims="frequency", coords={"frequency": grid})
