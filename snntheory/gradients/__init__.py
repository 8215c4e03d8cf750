"""From spikes to weight gradients: exact ones, and the pseudo-derivatives that stand in for that of a threshold."""

from .exact import METHODS, GrazingSpike, weight_gradient
from .surrogate import SURROGATES, pseudo_derivative

__all__ = ["METHODS", "SURROGATES", "GrazingSpike", "pseudo_derivative", "weight_gradient"]
