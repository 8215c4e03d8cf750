"""From spikes to weight gradients: the derivatives that stand in for that of a threshold."""

from .surrogate import SURROGATES, pseudo_derivative

__all__ = ["SURROGATES", "pseudo_derivative"]
