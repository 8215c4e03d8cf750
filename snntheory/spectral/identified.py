"""What an identification has found: poles, time constants with intervals, candidates, and what makes it doubtful."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from numpy.typing import NDArray

from .candidates import Candidate

MISFIT = 0.01
"""p-value of the misfit below which no time constants are said."""


@dataclass(frozen=True, eq=False)
class Identification:
    """What `identify` found.

    Attributes
    ----------
    uses : str
        "voltage" or "voltage and input", and "resets" where spikes were added back.
    dt : float, seconds
    n_samples : int
        Of all traces together.
    level : float
        Of the confidence intervals.
    poles : ndarray of complex, shape (2,)
        In ``z``, the slower first.
    time_constants : ndarray, shape (2,), seconds
        Effective ones, ``-dt / ln|pole|``, the slower first; equal for a complex pair.
    intervals : ndarray, shape (2, 2), seconds
        Confidence interval (low, high) of each.
    kind : str
        "real", "complex", or "double": the record does not tell the pair from a double pole, which is then what the
        candidates are given where ``poles`` are complex.
    membrane : str
        "slow" or "fast": the pole that the resets decay with. "unknown" without spikes: the response is symmetric
        in the two time constants, so nothing below threshold tells which is the membrane's.
    numerator, numerator_std : ndarray, shape (3,), or None
        ``n_0, n_1, n_2`` of H(z), per unit of the input; only with input.
    family : str or None
        From voltage alone: the kind of numerator that fits best.
    noise : float
        Standard deviation of the noise: of the measurement, in the unit of the voltage (0: none found), or
        with ``noise_model`` "process" of what an unknown input adds in each step.
    noise_model : str
        "none", "measurement" or "process".
    log_likelihood : float
    misfit_p_value : float
        Of the residual spectrum, were it flat (Bartlett's test): a small one says that two poles are not enough.
    candidates : tuple of Candidate
    resets_seen : int
        Steps of the voltage that look like resets, where no spikes were given. Any make the time constants those of a
        voltage with resets, not of the membrane, whatever the intervals and the misfit say.
    """

    uses: str
    dt: float
    n_samples: int
    level: float
    poles: NDArray[np.complex128]
    time_constants: NDArray[np.float64]
    intervals: NDArray[np.float64]
    kind: str
    membrane: str
    numerator: NDArray[np.float64] | None
    numerator_std: NDArray[np.float64] | None
    family: str | None
    noise: float
    noise_model: str
    log_likelihood: float
    misfit_p_value: float
    candidates: tuple[Candidate, ...]
    resets_seen: int = 0

    def table(self) -> pd.DataFrame:
        """The candidates as a table, those that explain the record first."""
        rows = [vars(candidate) for candidate in self.candidates]
        frame = pd.DataFrame(rows)
        return frame.sort_values("explains", ascending=False, kind="stable", ignore_index=True)

    def explained_by(self) -> tuple[str, ...]:
        """Names of the schemes that are not ruled out."""
        return tuple(dict.fromkeys(each.scheme for each in self.candidates if each.explains))

    def doubt(self) -> str:
        """Why the time constants are none of the neuron's: two poles do not fit, or are no neuron's; or empty."""
        if self.misfit_p_value < MISFIT:
            return f"two poles do not fit (p = {self.misfit_p_value:.2g})"
        if not np.isfinite(self.intervals).all() or not np.isfinite(self.time_constants).all():
            return "the intervals are not finite"
        if self.numerator is None and self.time_constants.max() > self.n_samples * self.dt:
            return "the slower time constant would be longer than the record"
        free = all(np.isnan(each.nominal_p_value) for each in self.candidates)
        if free and self.numerator is None and not self.explained_by():
            return "no scheme explains the voltage"
        return ""

    def __repr__(self) -> str:
        taus, bounds = 1e3 * self.time_constants, 1e3 * self.intervals
        parts = [
            f"{tau:.4g} ms ({low:.4g} to {high:.4g})" for tau, (low, high) in zip(taus, bounds, strict=True)
        ]
        doubt = self.doubt()
        said = f"not identified: {doubt}" if doubt else f"{parts[0]} and {parts[1]} at {100 * self.level:g} %"
        warned = f"  {resets_warning(self.resets_seen)}\n" if self.resets_seen else ""
        return (
            f"Identification from {self.uses}, {self.n_samples} samples at dt = {self.dt * 1e3:g} ms\n{warned}"
            f"  time constants: {said}; poles: {self.kind}; membrane: {self.membrane}\n"
            f"  noise: {self.noise_model}, {self.noise:.3g}; two poles fit with p = {self.misfit_p_value:.2g}\n"
            f"  not ruled out: {', '.join(self.explained_by()) or 'no scheme'}"
        )


def resets_warning(count: int) -> str:
    """What `count` resets without their spikes do to the time constants, and the remedy."""
    times = f"{count} times" if count > 1 else "once"
    return (
        f"the voltage looks reset {times}: the time constants are those of a voltage with resets, not of the membrane; "
        "give the spikes (spikes=..., in the command --spikes NAME), add the resets back with without_resets, or use a "
        "recording below threshold"
    )
