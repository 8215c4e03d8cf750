"""With threshold: exact spike times, event by event, and spikes on a grid."""

from . import parker_sochacki
from .causality import CausalityGraph, causality_graph
from .clocked import simulate, simulate_inputs
from .compare import compare_trains, spike_train, van_rossum_distance, victor_purpura_distance
from .crossing import first_crossing
from .events import SpikeLimitReached, exact_batch, exact_network, exact_spike_times
from .order import Method, all_methods, hidden_spikes, order_study
from .reconstruct import merge_inputs, reconstruct
from .rounding import displacement, grid_index, grid_inputs, lattice_displacement
from .spike_batch import SpikeBatch

__all__ = [
    "CausalityGraph",
    "Method",
    "SpikeBatch",
    "SpikeLimitReached",
    "all_methods",
    "causality_graph",
    "compare_trains",
    "displacement",
    "exact_batch",
    "exact_network",
    "exact_spike_times",
    "first_crossing",
    "grid_index",
    "grid_inputs",
    "hidden_spikes",
    "lattice_displacement",
    "merge_inputs",
    "order_study",
    "parker_sochacki",
    "reconstruct",
    "simulate",
    "simulate_inputs",
    "spike_train",
    "van_rossum_distance",
    "victor_purpura_distance",
]
