"""Recordings of neurophysiology as traces: objects of Neo, files of NIX, and NWB files of intracellular recordings.

Neo and NIX need ``pip install 'snntheory[electrophysiology]'``; NWB files are read with h5py alone.
"""

from .neo_objects import from_neo, from_nix, to_neo, to_nix
from .nwb import from_nwb

__all__ = ["from_neo", "from_nix", "from_nwb", "to_neo", "to_nix"]
