"""Whittle's likelihood of two poles and a numerator, from voltages alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import minimize
from scipy.signal import lfilter
from scipy.signal.windows import tukey

from . import _two_poles as two

Floats = NDArray[np.float64]
FAMILIES = ("all_pole", "bilinear", "zoh", "sampled")
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


@dataclass(frozen=True)
class Fit:
    """Maximum of the likelihood in one family of numerators.

    ``parameters`` (see `Likelihood`); ``coordinates`` of `_two_poles` and their ``covariance``; ``noise``: variance of
    white measurement noise over that of the innovations (0 without); ``scale``: variance of the innovations of each
    row; ``membrane``: the pole that the resets decay with, "slow" or "fast", or "unknown".
    """

    family: str
    parameters: Floats
    coordinates: Floats
    covariance: Floats
    noise: float
    scale: Floats
    log_likelihood: float
    membrane: str


def moving_average(coordinates: Floats, family: str) -> float:
    """``rho`` of the numerator ``1 + rho/z`` that poles ``exp(-x), exp(-y)`` bring with them.

    "zoh": of the pulse of one step; "sampled": the invertible factor of the spectrum of the continuous process seen
    every step. A pole that no continuous decay has counts by its modulus.
    """
    from ..linear.continuous import exp_second_difference, mean_decay

    x, y = np.minimum(1 / two.time_constants(coordinates), 60.0)  # beyond, nothing is left after a step
    if family == "zoh":
        first = x * y * float(exp_second_difference(x, y))
        return float(np.expm1(-x) * np.expm1(-y) / first - 1)
    edges = np.linspace(0, 1, int(np.ceil(max(x, y))) + 1)
    t = ((edges[:-1, None] + edges[1:, None]) / 2 + (edges[1] / 2) * _NODES).ravel()
    area = np.tile(_WEIGHTS * edges[1] / 2, edges.size - 1)
    voltage = t * np.exp(-min(x, y) * t) * mean_decay(abs(y - x) * t)
    current = np.exp(-y * t)
    uu, ui, ii = (float(area @ product) for product in (voltage**2, voltage * current, current**2))
    couple, decay = float(np.exp(-min(x, y)) * mean_decay(abs(y - x))), float(np.exp(-y))
    zeroth = uu * (1 + decay**2) - 2 * ui * couple * decay + ii * couple**2
    ratio = (ui * couple - uu * decay) / zeroth  # rho / (1 + rho^2)
    return float(2 * ratio / (1 + np.sqrt(max(1 - 4 * ratio**2, 0.0))))


def numerator(coordinates: Floats, family: str, cos_half: Floats, sin_half: Floats) -> Floats:
    """Squared modulus of the numerator, its first coefficient 1."""
    if family == "all_pole":
        return np.ones_like(cos_half)
    if family == "bilinear":
        return 16 * cos_half**4
    rho = moving_average(coordinates, family)
    return ((1 + rho) * cos_half) ** 2 + ((1 - rho) * sin_half) ** 2


class Likelihood:
    """The data, prewhitened, tapered and transformed once; a density becomes the expectation of their periodogram.

    The periodogram of a voltage leaks: its spectrum falls by many decades. So the rows first pass the filter of the
    two poles that least squares finds, which leaves them nearly white; a model passes the same filter, and its
    expected periodogram, with what still leaks, takes the place of its density (Sykulski et al. 2019).

    Parameters of a model: the two coordinates of `_two_poles`; with resets instead the logarithms of
    ``(1 - p)/(1 + p)`` of the membrane's pole and of the other; then, if there is one, the logarithm of the noise.
    The first ``onset`` samples are left out once their resets have been added back.
    """

    def __init__(self, rows: Floats, drop: Floats | None, onset: int = 0) -> None:
        rows = rows[:, onset:]
        self.rows, self.drop, self.onset = rows - rows.mean(axis=1, keepdims=True), drop, onset
        self.start = autoregression(self.rows, None if drop is None else drop[:, onset:])
        p, q = np.exp(self.start)
        self.filter = np.array([1.0, -2 * (1 - q) / (1 + p + q), (1 - p + q) / (1 + p + q)])
        self.n = rows.shape[1] - 2
        taper = tukey(self.n, 0.1)
        self.taper = taper / np.sqrt(np.mean(taper**2))
        self.inflation = float(np.mean(self.taper**4))
        size = fft.next_fast_len(2 * self.n, real=True)
        half = np.pi * np.arange(size // 2 + 1) / size
        self.size, self.cos_half, self.sin_half = size, np.cos(half), np.sin(half)
        self.whiten = two.denominator(self.start, self.cos_half, self.sin_half)
        self.shared = fft.irfft(np.abs(fft.rfft(self.taper, size)) ** 2, size)[: self.n] / self.n
        self.weight = np.ones(self.n // 2)
        if self.n % 2 == 0:
            self.weight[-1] = 0.5
        self.fixed = self.periodogram(self.rows) if drop is None else None

    def coordinates(self, parameters: Floats) -> Floats:
        """Those of `_two_poles`."""
        if self.drop is None:
            return parameters[:2]
        return two.from_images(parameters[:2])

    def periodogram(self, rows: Floats) -> Floats:
        """Of the prewhitened, tapered rows, frequency 0 left out."""
        whitened = rows[:, 2:] + self.filter[1] * rows[:, 1:-1] + self.filter[2] * rows[:, :-2]
        whitened = (whitened - whitened.mean(axis=1, keepdims=True)) * self.taper
        return np.abs(fft.rfft(whitened)[:, 1:]) ** 2 / self.n

    def expected(self, parameters: Floats, family: str) -> Floats:
        """Expected periodogram of a model with innovations of variance 1."""
        coordinates = self.coordinates(parameters)
        shape = numerator(coordinates, family, self.cos_half, self.sin_half)
        density = shape / two.denominator(coordinates, self.cos_half, self.sin_half)
        if parameters.size > 2:
            density = density + np.exp(parameters[2])
        covariance = fft.irfft(density * self.whiten, self.size)[: self.n] * self.shared
        covariance[1:] += covariance[:0:-1].copy()
        spectrum = fft.rfft(covariance).real[1:]
        return np.maximum(spectrum, 1e-14 * spectrum.max())

    def observed(self, parameters: Floats) -> Floats:
        """Periodogram, with the resets added back at the membrane's pole."""
        if self.fixed is not None:
            return self.fixed
        pole = -float(np.tanh(parameters[0] / 2))
        removed = lfilter(
            [0.0, pole], [1.0, -pole], self.drop, axis=1
        )  # what fell before the onset acts after it
        return self.periodogram(self.rows + removed[:, self.onset :])

    def scale(self, parameters: Floats, family: str) -> Floats:
        """Variance of the innovations of each row."""
        return (
            self.observed(parameters) @ (self.weight / self.expected(parameters, family)) / self.weight.sum()
        )

    def __call__(self, parameters: Floats, family: str) -> float:
        if np.abs(parameters).max() > 40:
            return -1e300
        power, expected = self.observed(parameters), self.expected(parameters, family)
        scale = power @ (self.weight / expected) / self.weight.sum()
        total = self.weight.sum()
        return -float(total * np.log(scale).sum() + len(power) * (self.weight @ np.log(expected) + total))


def autoregression(rows: Floats, drop: Floats | None) -> Floats:
    """Two poles by least squares of the second difference on the first and on the value, all rows together."""
    change = np.diff(rows, axis=1)
    target, slope, level = change[:, 1:] - change[:, :-1], change[:, :-1], rows[:, :-2]
    columns = [slope, level]
    if drop is not None:
        target = target - drop[:, :-2]
        columns = [slope + drop[:, :-2], level - drop[:, :-2], drop[:, 1:-1]]
    design = np.stack([column.ravel() for column in columns], axis=1)
    design = design / (norms := np.linalg.norm(design, axis=0).clip(1e-300))
    solution = np.linalg.lstsq(design, target.ravel(), rcond=None)[0] / norms
    return two.from_increments(-float(solution[0]), -float(solution[1]))


def fit(likelihood: Likelihood, family: str, with_noise: bool) -> Fit:
    """Best two poles of a family, from several starts."""
    first = likelihood.start
    if likelihood.drop is None:
        starts = [first, first + [0.7, 0.7], first + [-1.5, -2.0], first + [-3.0, -4.5]]
        search = _scoring
    else:
        # a maximum as narrow as a ten-thousandth, but with wide skirts: where the spectrum has a zero, resets stand out
        membrane, synapse = (-np.log(2 * np.geomspace(0.3, likelihood.n / 3, size)) for size in (24, 6))
        grid = [np.array([m, s]) for m in membrane for s in synapse]
        starts = sorted(grid, key=lambda start: -likelihood(start, family))[:3]
        search = _descent
    if with_noise:
        starts = [np.append(start, level) for start in starts for level in (-3.0, 3.0, 8.0)]
    ranked = sorted(starts, key=lambda start: -likelihood(start, family))
    tried = 1 if likelihood.drop is None and not with_noise else 2
    found = [search(likelihood, family, start) for start in ranked[:tried]]
    parameters, information, log_likelihood = max(found, key=lambda each: each[2])
    covariance: Floats = np.asarray(
        likelihood.inflation * np.linalg.pinv(information, hermitian=True)[:2, :2], dtype=np.float64
    )
    membrane = "unknown"
    if likelihood.drop is not None:
        decays = np.abs(np.tanh(parameters[:2] / 2))
        membrane = "slow" if decays[0] >= decays[1] else "fast"
        c = np.exp(parameters[:2])
        turn = np.array([c / c.sum(), [1.0, 1.0]])
        covariance = turn @ covariance @ turn.T
    return Fit(
        family,
        parameters,
        likelihood.coordinates(parameters),
        covariance,
        float(np.exp(parameters[2])) if with_noise else 0.0,
        np.asarray(likelihood.scale(parameters, family), dtype=np.float64),
        log_likelihood,
        membrane,
    )


def _scoring(likelihood: Likelihood, family: str, start: Floats) -> tuple[Floats, Floats, float]:
    """Fisher's scoring, damped: parameters, expected information, log-likelihood."""
    at, value, damping = start, likelihood(start, family), 1e-2
    weight = likelihood.weight
    information = np.eye(at.size)
    for _ in range(60):
        expected = likelihood.expected(at, family)
        slopes = np.empty((at.size, expected.size))
        for k, unit in enumerate(1e-4 * np.eye(at.size)):
            ahead, behind = likelihood.expected(at + unit, family), likelihood.expected(at - unit, family)
            slopes[k] = np.log(ahead / behind) / 2e-4
        slopes -= (slopes @ weight / weight.sum())[:, None]  # the scale is refitted
        power = likelihood.observed(at) / expected
        excess = (power / (power @ weight / weight.sum())[:, None] - 1).sum(axis=0)
        score, information = slopes @ (weight * excess), len(power) * (slopes * weight) @ slopes.T
        gain = 0.0
        while damping < 1e12:
            ridge = np.diag(damping * np.diag(information) + 1e-9 * np.trace(information))
            step = np.clip(np.linalg.solve(information + ridge, score), -2, 2)
            other = likelihood(np.clip(at + step, -30, 30), family)
            if other >= value:
                gain = other - value
                at, value, damping = np.clip(at + step, -30, 30), other, max(damping / 10, 1e-9)
                break
            damping *= 10
        if gain < 1e-5:
            break
    return at, information, value


def _descent(likelihood: Likelihood, family: str, start: Floats) -> tuple[Floats, Floats, float]:
    """Nelder and Mead's simplex, then Newton: parameters, observed information, log-likelihood."""

    def loss(parameters: Floats) -> float:
        return -likelihood(np.asarray(parameters), family)

    at = start
    for size in (0.3, 0.05):
        simplex = np.vstack([at, at + size * np.eye(at.size)])
        options = {"initial_simplex": simplex, "xatol": 1e-5, "fatol": 1e-2, "maxfev": 400}
        at = minimize(loss, at, method="Nelder-Mead", options=options).x
    value = loss(at)
    information = curvature(loss, at)
    for _ in range(10):
        step = _newton(loss, at, information)
        ahead = loss(at + step)
        if not ahead < value - 1e-4:
            break
        at, value = at + step, ahead
        information = curvature(loss, at)
    return at, information, -value


def _newton(loss: Callable[[Floats], float], at: Floats, information: Floats) -> Floats:
    """Newton's step with the slopes over the width of the maximum, cut until it does not climb."""
    width = 0.1 / np.sqrt(np.maximum(np.diag(information), 1e-2))
    slope = np.array(
        [(loss(at + e) - loss(at - e)) / (2 * h) for h, e in zip(width, np.diag(width), strict=True)]
    )
    values, vectors = np.linalg.eigh(information)
    step = -vectors @ ((vectors.T @ slope) / np.maximum(np.abs(values), 1e-8))
    step = np.clip(step, -1, 1)
    for _ in range(8):
        if loss(at + step) < loss(at):
            break
        step = step / 3
    return step


def curvature(loss: Callable[[Floats], float], at: Floats) -> Floats:
    """Matrix of second derivatives, by differences over steps that change the loss by about a tenth."""
    n, centre = at.size, loss(at)
    steps = np.empty(n)
    for k, unit in enumerate(np.eye(n)):
        step = 1e-3
        for _ in range(12):
            rise = (loss(at + step * unit) + loss(at - step * unit)) / 2 - centre
            if 0.02 < rise < 0.5 or (rise <= 0.02 and step > 0.5):
                break
            step = min(step * float(np.clip(np.sqrt(0.1 / max(rise, 1e-5)), 0.01, 20.0)), 1.0)
        steps[k] = step
    matrix = np.empty((n, n))
    for j, e in enumerate(np.diag(steps)):
        for k, f in enumerate(np.diag(steps)[: j + 1]):
            if j == k:
                value = loss(at + e) - 2 * centre + loss(at - e)
            else:
                value = (loss(at + e + f) - loss(at + e - f) - loss(at - e + f) + loss(at - e - f)) / 4
            matrix[j, k] = matrix[k, j] = value / (steps[j] * steps[k])
    return matrix
