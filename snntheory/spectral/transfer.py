"""Transfer function from an input to an output, estimated from recordings, with confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import xarray as xr

from .._check import probability
from .coherence import Traces, chance_level, half_angle, second_moments, squared_coherence

NAMES = ("input", "output")


def transfer_function(
    input: Traces,
    output: Traces,
    method: str = "welch",
    *,
    confidence: float = 0.95,
    pool: str | Sequence[str] = (),
    **options: Any,
) -> xr.Dataset:
    """Estimate the frequency response from ``input`` to ``output``.

    Definition
        H(f) = S_io(f) / S_ii(f) (the estimator H1: least squares, all noise in the output). Of an input S_n,
        the summed weights of the spikes of step n, and the voltage u_n of the same step, H estimates
        ``discretize(neuron, dt, scheme).frequency_response(2 pi f)``, its delay included, for any statistics
        of the input. dt H then tends to the continuous response.
        With n looks, ν = 2n - 2 and s² = (1 - C) S_oo / (S_ii ν):  gain |H| ± t_ν s,  phase ± arcsin(t_ν s/|H|),
        and the disc around H of radius s √(2 F_{2,ν}), which holds the true complex value. Where the coherence
        does not exceed the level of chance (`coherence`), the gain's interval begins at 0 and the phase is unknown.

    Parameters
    ----------
    input, output, method, pool, **options
        x and y of `cross_spectrum`.
    confidence : float between 0 and 1
        Level of each interval (gain alone, phase alone, disc) at one frequency.

    Returns
    -------
    Dataset (..., frequency)
        ``response`` (complex), ``gain``, ``gain_lower``, ``gain_upper``, ``phase``, ``phase_lower``,
        ``phase_upper`` (radian, the phase in (-π, π]; ±π around it when nothing is known), ``radius``,
        ``coherence``. NaN where the input has no power. attrs: settings, ``independent_averages`` n.

    Raises
    ------
    ValueError, TypeError
        As `cross_spectrum`; fewer than two looks.

    Assumptions
        What the filter does not explain is Gaussian noise of a density that is flat within the bandwidth and
        unrelated to the input: feedback from output to input, and so resets, breaks this. Noise on the input
        lowers the gain by S_ii / (S_ii + S_noise). The response hardly changes within the bandwidth: segments
        last many time constants; the squared bandwidth times H''/2 is the bias. Without noise the intervals
        show what enters and leaves through the ends of the segments; overlapping ones share it, and Welch's
        intervals are then too wide (0.97 for 0.95 at an overlap of a half).

    Accuracy
        tests/spectral/test_transfer.py: the response of every scheme lies in the disc and in both intervals at
        the nominal rate, within binomial error.

    References
        Jenkins & Watts 1968, chapter 10; Bendat & Piersol 2010, equations 9.66 to 9.90.
    """
    level = probability("confidence", confidence)
    plan, moments, attrs, units = second_moments(
        input, output, method, pool, options, "transfer_function", names=NAMES
    )
    n = attrs["independent_averages"]
    if n < 1.5:
        raise ValueError(
            f"transfer_function needs at least two looks for a confidence, got {attrs['averages']}; take shorter "
            "segments, more tapers, or pool='trial'"
        )
    from scipy.special import fdtri, stdtrit

    share = 2 * xr.DataArray(plan.share(), dims="frequency")
    nu = share * (n - 1)
    of_input, of_output, real, imag = (moments.isel(quantity=k) for k in range(4))
    power = of_input.where(of_input > 0)
    squared = squared_coherence(moments)
    gain = (real**2 + imag**2) ** 0.5 / power
    angle = cast(xr.DataArray, np.arctan2(imag, real)).where(of_input > 0)
    deviation = ((1 - squared) * of_output / (power * nu)) ** 0.5
    reach = deviation * stdtrit(nu, (1 + level) / 2)
    chance = xr.DataArray(chance_level(share.values, n, level), dims="frequency")
    by_chance = squared <= chance
    turn = half_angle(squared, share, n, level).where(~by_chance, np.pi)
    out = xr.Dataset(
        {
            "response": (real + 1j * imag) / power,
            "gain": gain,
            "gain_lower": (gain - reach).clip(min=0.0).where(~by_chance, 0.0),
            "gain_upper": gain + reach,
            "phase": angle,
            "phase_lower": angle - turn,
            "phase_upper": angle + turn,
            "radius": deviation * (share * fdtri(share, nu, level)) ** 0.5,
            "coherence": squared,
        }
    )
    ratio = "1" if units[0] == units[1] else units[1] if units[0] == "1" else f"({units[1]})/({units[0]})"
    for name in out.data_vars:
        out[name].attrs["units"] = "rad" if "phase" in str(name) else "1" if name == "coherence" else ratio
    return out.assign_attrs(attrs | {"estimator": "H1", "confidence": level})
