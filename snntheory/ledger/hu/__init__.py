"""Hu (2024), bachelor's thesis: forty numbered equations and the claims of its text."""

from ..entry import Entry
from . import frequency, neuron, numerics

ENTRIES: tuple[Entry, ...] = (*neuron.ENTRIES, *frequency.ENTRIES, *numerics.ENTRIES)
