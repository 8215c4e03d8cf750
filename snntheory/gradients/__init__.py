"""From spikes to weight gradients: exact, on a grid, and the pseudo-derivatives that stand in for a threshold's."""

from .differences import Differences, central_differences
from .methods import EXACT, METHODS, Gradients, GrazingSpike, weight_gradient
from .surrogate import SURROGATES, pseudo_derivative

__all__ = [
    "EXACT",
    "METHODS",
    "SURROGATES",
    "Differences",
    "Gradients",
    "GrazingSpike",
    "central_differences",
    "pseudo_derivative",
    "weight_gradient",
]
