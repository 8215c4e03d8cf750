"""Below threshold: the neuron is a linear system, so everything here is exact."""

from . import schemes
from .continuous import (
    coupling,
    damping_ratio,
    frequency_response,
    kernel,
    natural_frequency,
    peak_time,
    response,
)
from .discrete import DiscreteNeuron, discretize
from .scheme import Scheme

__all__ = [
    "DiscreteNeuron",
    "Scheme",
    "coupling",
    "damping_ratio",
    "discretize",
    "frequency_response",
    "kernel",
    "natural_frequency",
    "peak_time",
    "response",
    "schemes",
]
