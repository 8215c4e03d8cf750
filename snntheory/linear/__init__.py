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
from .discrete import DiscreteNeuron, UnstableStep, discretize
from .discrete_many import DiscreteNeurons, discretize_many
from .scheme import Scheme

__all__ = [
    "DiscreteNeuron",
    "DiscreteNeurons",
    "Scheme",
    "UnstableStep",
    "coupling",
    "damping_ratio",
    "discretize",
    "discretize_many",
    "frequency_response",
    "kernel",
    "natural_frequency",
    "peak_time",
    "response",
    "schemes",
]
