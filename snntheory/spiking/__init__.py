"""With threshold: exact spike times, event by event, and spikes on a grid."""

from .crossing import first_crossing
from .events import SpikeLimitReached, exact_batch, exact_network, exact_spike_times
from .spike_batch import SpikeBatch

__all__ = [
    "SpikeBatch",
    "SpikeLimitReached",
    "exact_batch",
    "exact_network",
    "exact_spike_times",
    "first_crossing",
]
