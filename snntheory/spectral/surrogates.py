"""Surrogate traces: what is left of a record when only its spectrum is kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._check import choice

KINDS = ("ar1", "phase")


def surrogate_maker(rows: np.ndarray, kind: str) -> Callable[[np.random.Generator], np.ndarray]:
    """A function that draws traces of the spectrum of the given ones and nothing else in common with them.

    Definition
        "ar1": x_n = a x_{n-1} + e_n, Gaussian and stationary, with the variance and the lag-one
        autocorrelation of each row (its small-sample bias, (1 + 4a)/n, added back).
        "phase": the moduli of each row's Fourier coefficients with independent uniform phases.

    Parameters
    ----------
    rows : array (row, time), of at least five samples
    kind : "ar1" or "phase"

    Returns
    -------
    function of a ``numpy.random.Generator``: array (row, time), new at each call

    Raises
    ------
    ValueError
        For a row that is constant: it has no spectrum to keep.

    References
        Allen & Smith 1996 (AR(1)); Theiler et al. 1992 (phases).
    """
    choice("surrogates", kind, KINDS)
    n = rows.shape[-1]
    centred = rows - rows.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1)
    flat = variance <= 1e-24 * (np.abs(rows).max(axis=-1) ** 2) + np.finfo(float).tiny
    if flat.any():
        raise ValueError(
            f"trace {int(np.argmax(flat))} is constant: it has no spectrum to make surrogates from, and no coherence"
        )
    if kind == "phase":
        modulus = np.abs(np.fft.rfft(centred, axis=-1))
        modulus[:, 0] = 0.0

        def randomised(rng: np.random.Generator) -> np.ndarray:
            turn = np.exp(2j * np.pi * rng.random(modulus.shape))
            if n % 2 == 0:  # real at Nyquist, and of the same power
                turn[:, -1] = rng.choice([-1.0, 1.0], len(turn))
            return np.fft.irfft(modulus * turn, n, axis=-1)

        return randomised

    a = autoregression(centred)
    noise = np.sqrt(variance * (1 - a**2))

    def ar1(rng: np.random.Generator) -> np.ndarray:
        from scipy.signal import lfilter

        e = rng.standard_normal(centred.shape)
        e[:, 0] /= np.sqrt(1 - a**2)  # stationary from the first sample
        e *= noise[:, None]
        return np.stack([lfilter([1.0], [1.0, -each], row) for each, row in zip(a, e, strict=True)])

    return ar1


def autoregression(centred: np.ndarray) -> np.ndarray:
    """The AR(1) coefficient of each row of mean zero, less biased: array (row,), below 1."""
    n = centred.shape[-1]
    lag = (centred[:, 1:] * centred[:, :-1]).sum(axis=-1) / (centred**2).sum(axis=-1)
    return np.clip((lag * n + 1) / (n - 4), -0.999999, 0.999999)
