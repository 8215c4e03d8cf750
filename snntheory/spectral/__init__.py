"""Spectra and wavelets of traces, resets added back, and the spectrum that theory gives below threshold."""

from typing import TYPE_CHECKING, Any

# Imported here and now: the functions psd and coherence must take the place of the submodules for good.
from .bands import band_power, low_high
from .coherence import coherence, cross_spectrum
from .psd import psd, variance_from_psd
from .resets import without_resets
from .transfer import transfer_function
from .wavelets import cone_of_influence, cwt, default_frequencies, global_wavelet_spectrum, outside_cone

if TYPE_CHECKING:
    from .theory import expected_welch, theory_psd

__all__ = [
    "band_power",
    "coherence",
    "cone_of_influence",
    "cross_spectrum",
    "cwt",
    "default_frequencies",
    "expected_welch",
    "global_wavelet_spectrum",
    "low_high",
    "outside_cone",
    "psd",
    "theory_psd",
    "transfer_function",
    "variance_from_psd",
    "without_resets",
]


def __getattr__(name: str) -> Any:
    if name in (
        "expected_welch",
        "theory_psd",
    ):  # on first use: saved traces are analysed without the linear room
        from . import theory

        return getattr(theory, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
