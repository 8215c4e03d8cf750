"""Spectra and wavelets of traces, and the spectrum that theory gives for the neuron below threshold."""

from typing import TYPE_CHECKING, Any

# Imported here and now: the function psd must take the place of the submodule psd for good.
from .psd import psd, variance_from_psd
from .wavelets import cone_of_influence, cwt, default_frequencies, global_wavelet_spectrum, inside_cone

if TYPE_CHECKING:
    from .theory import theory_psd

__all__ = [
    "cone_of_influence",
    "cwt",
    "default_frequencies",
    "global_wavelet_spectrum",
    "inside_cone",
    "psd",
    "theory_psd",
    "variance_from_psd",
]


def __getattr__(name: str) -> Any:
    if name == "theory_psd":  # on first use: saved traces can be analysed without the linear room
        from .theory import theory_psd

        return theory_psd
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
