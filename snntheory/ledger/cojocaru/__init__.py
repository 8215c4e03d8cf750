"""Cojocaru (2024): event-driven neurons in closed form (BATS), with spike times rounded to a grid."""

from ..entry import Entry
from . import backpropagation, neuron, settings, time_grid

ENTRIES: tuple[Entry, ...] = (
    *neuron.ENTRIES,
    *backpropagation.ENTRIES,
    *time_grid.ENTRIES,
    *settings.ENTRIES,
)
