"""What a time step does to a spiking neural network: derived, computed, measured.

Names are loaded when they are first used, so that ``import snntheory`` costs little more than
``import numpy`` and needs neither torch nor sympy nor matplotlib.

>>> from snntheory import CubaLIF, discretize
>>> model = discretize(CubaLIF(tau_mem=0.020, tau_syn=0.010), dt=0.001, scheme="forward_euler")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .advice import recommend
    from .linear import discretize
    from .neuron import CubaLIF
    from .traces import convert_units, load_traces, make_traces, resample, save_traces, validate_traces

_NAMES = {
    "CubaLIF": "neuron",
    "recommend": "advice",
    "discretize": "linear",
    "load_traces": "traces",
    "save_traces": "traces",
    "make_traces": "traces",
    "validate_traces": "traces",
    "resample": "traces",
    "convert_units": "traces",
}
_ROOMS = (
    "advice",
    "artefacts",
    "conventions",
    "gradients",
    "interop",
    "ledger",
    "linear",
    "neuron",
    "nir",
    "plotting",
    "population",
    "spectral",
    "spiking",
    "traces",
    "training",
)

__all__ = [
    "CubaLIF",
    "__version__",
    "convert_units",
    "discretize",
    "load_traces",
    "make_traces",
    "recommend",
    "resample",
    "save_traces",
    "validate_traces",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_NAMES) | set(_ROOMS))
