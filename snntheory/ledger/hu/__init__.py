"""Hu (2024), bachelor's thesis: forty numbered equations and the claims of its text."""

from ..entry import Entry
from . import claims, density, frequency, learning, neuron, numerics, step_mean

ENTRIES: tuple[Entry, ...] = tuple(
    entry
    for section in (neuron, frequency, numerics, step_mean, density, learning, claims)
    for entry in section.ENTRIES
)
