"""Two poles and a numerator from voltages and the input that drove them: least squares, two models of the noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.signal import lfilter

from . import _two_poles as two

Floats = NDArray[np.float64]
Projection = Callable[..., tuple[Floats, Floats, Floats]]


@dataclass(frozen=True)
class Fit:
    """``parameters``: the two coordinates of `_two_poles`, then ``n_0, n_1, n_2``; ``residuals``: one row a trace."""

    noise: str
    parameters: Floats
    covariance: Floats
    residuals: Floats
    log_likelihood: float
    membrane: str


def fit(rows: Floats, inputs: Floats, drop: Floats | None, noise: str) -> Fit:
    """Best fit where noise enters with the input ("process"), at the voltmeter ("measurement"), or the likelier."""
    process = _process(rows, inputs, drop)
    exact = np.std(process.residuals) < 1e-11 * np.std(rows)
    if noise == "process" or (noise == "auto" and exact):
        return process
    measurement = _measurement(rows, inputs, drop, process)
    return max(
        [measurement] if noise == "measurement" else [process, measurement],
        key=lambda each: each.log_likelihood,
    )


def _process(rows: Floats, inputs: Floats, drop: Floats | None) -> Fit:
    """Linear regression of the second difference: ARX in the increments of the poles, which keep their digits."""
    change = np.diff(rows, axis=1)
    target, slope, level = change[:, 1:] - change[:, :-1], change[:, :-1], rows[:, :-2]
    columns = [slope, level, inputs[:, 2:], inputs[:, 1:-1], inputs[:, :-2]]
    if drop is not None:
        target = target - drop[:, :-2]
        columns[:2] = [slope + drop[:, :-2], level - drop[:, :-2]]
        columns.append(drop[:, 1:-1])
    means = [column.mean(axis=1, keepdims=True) for column in columns]  # a constant of its own for each row
    design = np.stack([(c - m).ravel() for c, m in zip(columns, means, strict=True)], axis=1)
    target = target - target.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(design, axis=0).clip(1e-300)
    q, r = np.linalg.qr(design / norms)
    solution = np.linalg.lstsq(r, q.T @ target.ravel(), rcond=None)[0] / norms
    residuals = target - (design @ solution).reshape(target.shape)
    variance = float(np.sum(residuals**2)) / max(residuals.size - solution.size - len(rows), 1)
    inverse = np.linalg.pinv(r) / norms[:, None]
    alpha, beta = -solution[0], -solution[1]
    coordinates = two.from_increments(alpha, beta)
    p, s = np.exp(coordinates)
    below = 4 - 2 * alpha + beta
    # derivatives of ln P = ln 2 (alpha - beta)/below and ln Q = ln beta/below by the two regression coefficients
    gradient = np.array(
        [[1 / (alpha - beta) + 2 / below, -1 / (alpha - beta) - 1 / below], [2 / below, 1 / beta - 1 / below]]
    )
    turn = np.eye(5)
    turn[:2, :2] = -gradient
    covariance = variance * turn @ (inverse @ inverse.T)[:5, :5] @ turn.T
    membrane = "unknown"
    if drop is not None and two.is_real(coordinates):
        distance = np.abs(two.poles(coordinates).real + solution[5])
        membrane = "slow" if distance[0] < distance[1] else "fast"
    parameters = np.concatenate([coordinates, solution[2:5]])
    return Fit("process", parameters, covariance, residuals, _gaussian(residuals), membrane)


def _measurement(rows: Floats, inputs: Floats, drop: Floats | None, start: Fit) -> Fit:
    """Output error: the response itself is fitted; numerator, initial states and offsets follow linearly."""
    first = [start.parameters[:2], start.parameters[:2] + [-0.7, -0.7], start.parameters[:2] + [-1.5, -2.0]]
    sides = ("unknown",) if drop is None else ("slow", "fast")
    scale = float(np.std(rows))
    best: tuple[float, Floats, str, Projection] | None = None
    for side in sides:

        def project(coordinates: Floats, side: str = side) -> tuple[Floats, Floats, Floats]:
            return _projected(coordinates, rows, inputs, drop, side)

        def residual(coordinates: Floats, project: Projection = project) -> Floats:
            target, design, n = project(np.clip(coordinates, -30, 30))
            return (target - design @ n).ravel() / scale

        begin = min(first, key=lambda at: float(np.sum(residual(at) ** 2)))
        tight = {"xtol": 1e-13, "ftol": 1e-14, "gtol": 1e-14}
        found = least_squares(residual, begin, jac="3-point", **tight)
        if best is None or found.cost < best[0]:
            best = (found.cost, np.clip(found.x, -30, 30), side, project)
    assert best is not None
    _, at, side, project = best
    target, design, n = project(at)
    residuals = target - design @ n
    variance = float(np.sum(residuals**2)) / max(residuals.size - 5 - 3 * len(rows), 1)
    jacobian = [design.reshape(-1, 3)]
    for k in (0, 1):
        step = 1e-5 * np.eye(2)[k]
        ahead, behind = project(at + step), project(at - step)
        slope = (behind[0] - behind[1] @ n - ahead[0] + ahead[1] @ n) / 2e-5
        jacobian.insert(k, slope.reshape(-1, 1))
    matrix = np.concatenate(jacobian, axis=1)
    norms = np.linalg.norm(matrix, axis=0).clip(1e-300)
    inverse = np.linalg.pinv(np.linalg.qr(matrix / norms, mode="r")) / norms[:, None]
    return Fit(
        "measurement",
        np.concatenate([at, n]),
        variance * inverse @ inverse.T,
        residuals,
        _gaussian(residuals),
        side,
    )


def _projected(
    coordinates: Floats, rows: Floats, inputs: Floats, drop: Floats | None, side: str
) -> tuple[Floats, Floats, Floats]:
    """Voltages (row, time), filtered inputs (row, time, 3), both without free decays and offset; and the numerator."""
    p, q = np.exp(coordinates)
    recursion = [1.0, -2 * (1 - q) / (1 + p + q), (1 - p + q) / (1 + p + q)]
    if drop is not None:
        pole = float(two.poles(coordinates)[0 if side == "slow" else 1].real)
        rows = rows + lfilter([0.0, pole], [1.0, -pole], drop, axis=1)
    n = rows.shape[1]
    response = lfilter([1.0], recursion, inputs, axis=1)
    shifted = [np.concatenate([np.zeros((len(rows), k)), response[:, : n - k]], axis=1) for k in range(3)]
    impulse = np.zeros(n)
    impulse[0] = 1.0
    decay = lfilter([1.0], recursion, impulse)
    free = np.stack([decay, np.concatenate([[0.0], decay[:-1]]) - decay, np.ones(n)], axis=1)
    basis = np.linalg.qr(free / np.linalg.norm(free, axis=0).clip(1e-300))[0]
    target = rows - (rows @ basis) @ basis.T
    columns = [column - (column @ basis) @ basis.T for column in shifted]
    design = np.stack(columns, axis=-1)
    flat = design.reshape(-1, 3)
    norms = np.linalg.norm(flat, axis=0).clip(1e-300)
    numerator = np.linalg.lstsq(flat / norms, target.ravel(), rcond=None)[0] / norms
    return target, design, numerator


def _gaussian(residuals: Floats) -> float:
    """Log-likelihood per sample of white Gaussian residuals; comparable between fits of the same record."""
    return -0.5 * float(np.log(max(float(np.mean(residuals**2)), 1e-300)))
