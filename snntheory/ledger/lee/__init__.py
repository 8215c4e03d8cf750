"""Lee, Haghighatshoar and Karbasi (2023): exact gradients of spiking networks by forward propagation."""

from ..entry import Entry
from . import algorithms, differentiability, generalisation, loss, model, proofs

ENTRIES: tuple[Entry, ...] = (
    *model.ENTRIES,
    *loss.ENTRIES,
    *differentiability.ENTRIES,
    *generalisation.ENTRIES,
    *algorithms.ENTRIES,
    *proofs.ENTRIES,
)
