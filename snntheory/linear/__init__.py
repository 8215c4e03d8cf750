"""Below threshold: the neuron is a linear system, so everything here is exact."""

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
