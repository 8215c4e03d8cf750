"""Spectra and wavelets of traces, resets added back, and the spectrum that theory gives below threshold."""

from typing import TYPE_CHECKING, Any

# Imported here and now: the functions psd and coherence must take the place of the submodules for good.
from .bands import band_power, low_high
from .coherence import coherence, cross_spectrum
from .cross_wavelets import cross_wavelet, wavelet_coherence
from .discrete_wavelets import dwt, idwt, wavelet_packets
from .inverse_wavelets import icwt, reconstruction_gain
from .long_records import streamed_wavelet_spectrum
from .psd import psd, variance_from_psd
from .resets import without_resets
from .ridges import ridge
from .stationary_wavelets import multiresolution, swt
from .transfer import transfer_function
from .wavelet_families import Morlet, Morse
from .wavelets import cone_of_influence, cwt, default_frequencies, global_wavelet_spectrum, outside_cone

if TYPE_CHECKING:
    from .theory import expected_welch, theory_psd

__all__ = [
    "Morlet",
    "Morse",
    "band_power",
    "coherence",
    "cone_of_influence",
    "cross_spectrum",
    "cross_wavelet",
    "cwt",
    "default_frequencies",
    "dwt",
    "expected_welch",
    "global_wavelet_spectrum",
    "icwt",
    "idwt",
    "low_high",
    "multiresolution",
    "outside_cone",
    "psd",
    "reconstruction_gain",
    "ridge",
    "streamed_wavelet_spectrum",
    "swt",
    "theory_psd",
    "transfer_function",
    "variance_from_psd",
    "wavelet_coherence",
    "wavelet_packets",
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
