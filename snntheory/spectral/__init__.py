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
    from .backgrounds import (
        Background,
        ar1_background,
        fitted_background,
        neuron_background,
        white_background,
    )
    from .comparison import compare_spectra
    from .identification import identify
    from .identification_error import identification_study
    from .identified import Identification
    from .significance import spectrum_significance
    from .significance_wavelets import (
        area_test,
        expected_wavelet_power,
        wavelet_degrees,
        wavelet_significance,
    )
    from .theory import expected_welch, theory_psd

__all__ = [
    "Background",
    "Identification",
    "Morlet",
    "Morse",
    "ar1_background",
    "area_test",
    "band_power",
    "coherence",
    "compare_spectra",
    "cone_of_influence",
    "cross_spectrum",
    "cross_wavelet",
    "cwt",
    "default_frequencies",
    "dwt",
    "expected_wavelet_power",
    "expected_welch",
    "fitted_background",
    "global_wavelet_spectrum",
    "icwt",
    "identification_study",
    "identify",
    "idwt",
    "low_high",
    "multiresolution",
    "neuron_background",
    "outside_cone",
    "psd",
    "reconstruction_gain",
    "ridge",
    "spectrum_significance",
    "streamed_wavelet_spectrum",
    "swt",
    "theory_psd",
    "transfer_function",
    "variance_from_psd",
    "wavelet_coherence",
    "wavelet_degrees",
    "wavelet_packets",
    "wavelet_significance",
    "white_background",
    "without_resets",
]


_LAZY = {  # on first use: saved traces are analysed without the linear room
    "Background": "backgrounds",
    "Identification": "identified",
    "ar1_background": "backgrounds",
    "area_test": "significance_wavelets",
    "compare_spectra": "comparison",
    "expected_wavelet_power": "significance_wavelets",
    "expected_welch": "theory",
    "fitted_background": "backgrounds",
    "identification_study": "identification_error",
    "identify": "identification",
    "neuron_background": "backgrounds",
    "spectrum_significance": "significance",
    "theory_psd": "theory",
    "wavelet_degrees": "significance_wavelets",
    "wavelet_significance": "significance_wavelets",
    "white_background": "backgrounds",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_LAZY))
