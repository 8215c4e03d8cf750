"""Below threshold: the neuron is a linear system, so everything here is exact.

The modules ``error``, ``frameworks``, ``norms``, ``order``, ``stability`` and ``symbolic`` are loaded when first used.
"""

from importlib import import_module
from types import ModuleType

from . import schemes
from .aliasing import aliased_response
from .continuous import (
    coupling,
    damping_ratio,
    frequency_response,
    kernel,
    natural_frequency,
    peak_time,
    response,
    step_response,
)
from .discrete import DiscreteNeuron, UnstableStep, discretize
from .discrete_many import DiscreteNeurons, discretize_many
from .effective import EffectiveResponse, effective_response, nominal_time_constant
from .scheme import Scheme
from .translate import Translation, translate

_MODULES = ("error", "frameworks", "norms", "order", "stability", "symbolic")

__all__ = [
    "DiscreteNeuron",
    "DiscreteNeurons",
    "EffectiveResponse",
    "Scheme",
    "Translation",
    "UnstableStep",
    "aliased_response",
    "coupling",
    "damping_ratio",
    "discretize",
    "discretize_many",
    "effective_response",
    "frequency_response",
    "kernel",
    "natural_frequency",
    "nominal_time_constant",
    "peak_time",
    "response",
    "schemes",
    "step_response",
    "translate",
]


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
