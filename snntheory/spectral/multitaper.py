"""What several tapers know beyond their mean: where they leak, and how far they scatter."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check

Floats = NDArray[np.float64]
MOST_ROUNDS, TOLERANCE = 100, 1e-8


def adaptive_weights(
    power: ArrayLike, concentration: ArrayLike, white: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights that make a taper count less where what leaks into it may exceed what belongs there.

    Definition, with ``p_k`` the estimate of taper k, ``l_k`` its concentration and ``s2 dt`` the level ``white``::

        S = sum_k w_k p_k / sum_k w_k,    w_k = l_k b_k^2,    b_k = S / (l_k S + (1 - l_k) s2 dt)

    solved by repetition from the mean of the first two tapers. Degrees of freedom: 2 (sum w_k)^2 / sum w_k^2.

    Parameters
    ----------
    power : array_like, shape (..., k, frequency)
        |J_k|^2, a density.
    concentration : array_like, shape (k,)
        Share of each taper's energy within the bandwidth, between 0 and 1.
    white : array_like, shape (...)
        Variance of the trace times dt: the density of white noise as strong as the trace.

    Returns
    -------
    weights, degrees_of_freedom : ndarray, shapes (..., k, frequency) and (..., frequency)

    Assumptions
    -----------
    What leaks into a taper is bounded by white noise of the trace's variance. The repetition ends when no value
    changes by more than 1e-8 of itself, and after 100 rounds.

    References
    ----------
    Thomson (1982); Percival & Walden (1993), equations 368a, 370a, 370b.
    """
    power = _check.array("power", power, minimum=0.0)
    share = _check.array("concentration", concentration, ndim=1, minimum=0.0)[:, None]
    level = _check.array("white", white, minimum=0.0)[..., None, None]
    if power.ndim < 2 or power.shape[-2] != len(share):
        raise ValueError(f"power must have shape (..., {len(share)}, frequency), got {power.shape}")
    level = np.where(level > 0, level, 1.0)  # a silent trace: any weights give 0
    # what rounding would leave of an exact zero keeps the quotient below finite
    smallest = np.finfo(np.float64).tiny ** 0.25 * level
    estimate = np.maximum(power[..., :2, :].mean(axis=-2, keepdims=True), smallest)
    for _ in range(MOST_ROUNDS):
        weights = share / (share + (1 - share) * level / estimate) ** 2
        weights /= weights.sum(axis=-2, keepdims=True)
        better = np.maximum((weights * power).sum(axis=-2, keepdims=True), smallest)
        done = np.all(np.abs(better - estimate) <= TOLERANCE * estimate)
        estimate = better
        if done:
            break
    return weights, 2 / (weights**2).sum(axis=-2)


def jackknifed(looks: float, least: int, independent: bool) -> None:
    """Refuse a jackknife of too few looks, or of looks that share samples."""
    if not independent:
        raise ValueError(
            "interval='jackknife' needs segments that do not overlap: overlap=0; or take method='multitaper'"
        )
    if looks < least:
        raise ValueError(
            f"interval='jackknife' needs at least {least} tapers or segments, got {looks:g}; ask for more of them"
        )


def jackknifed_bounds(power: ArrayLike, weights: ArrayLike, confidence: float) -> tuple[Floats, Floats]:
    """Confidence interval of a weighted mean of spectra by leaving out one at a time, on the logarithm.

    Definition, with ``S_(j)`` the mean without the j-th of K and its own weights::

        v = (K - 1)/K sum_j (ln S_(j) - mean_j ln S_(j))^2,    S exp(-+ t_{K-1} sqrt(v))

    Parameters
    ----------
    power, weights : array_like, shapes (..., k, frequency), the weights may have fewer leading entries
    confidence : float
        Level of the two-sided interval.

    Returns
    -------
    lower, upper : ndarray, shape (..., frequency)

    Assumptions
    -----------
    The weights are those of all tapers: they are not solved for again with one left out.

    References
    ----------
    Thomson & Chave (1991).
    """
    from scipy.special import stdtrit

    power, weights = np.asarray(power, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    k = power.shape[-2]
    parts = weights * power
    weight = weights.sum(axis=-2)
    total = parts.sum(axis=-2)
    mean = np.zeros(total.shape)
    squares = np.zeros(total.shape)
    for j in range(k):
        left = (total - parts[..., j, :]) / (weight - weights[..., j, :])
        with np.errstate(divide="ignore"):
            value = np.log(np.maximum(left, np.finfo(np.float64).tiny))
        step = value - mean
        mean += step / (j + 1)
        squares += step * (value - mean)
    spread = stdtrit(k - 1, (1 + confidence) / 2) * np.sqrt((k - 1) / k * squares)
    estimate = total / weight
    with np.errstate(over="ignore"):
        upper = np.where(estimate > 0, estimate * np.exp(spread), 0.0)
    return estimate * np.exp(-spread), upper
