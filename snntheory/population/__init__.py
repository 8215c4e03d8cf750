"""Many identical neurons: moments, rates and densities of (u, i), in continuous time and on a grid."""

from .evolution import Evolution, evolve, point_masses
from .fokker_planck import NotConverged, StationaryDensity, jump_density, stationary, stationary_density
from .grid import Grid, plane
from .intervals import Intervals, interval_density, interval_moments, re_entry_masses
from .linear_response import linear_response
from .moments import (
    discrete_autocovariance,
    discrete_cumulants,
    discrete_moments,
    free_autocovariance,
    free_cumulants,
    free_moments,
)
from .rates import OutsideValidity, coloured_rate, cv, drive, grid_rate, siegert
from .shot_noise import shot_noise_rate
from .synaptic_input import Diffusion, Jumps
from .threshold_integration import threshold_integration

__all__ = [
    "Diffusion",
    "Evolution",
    "Grid",
    "Intervals",
    "Jumps",
    "NotConverged",
    "OutsideValidity",
    "StationaryDensity",
    "coloured_rate",
    "cv",
    "discrete_autocovariance",
    "discrete_cumulants",
    "discrete_moments",
    "drive",
    "evolve",
    "free_autocovariance",
    "free_cumulants",
    "free_moments",
    "grid_rate",
    "interval_density",
    "interval_moments",
    "jump_density",
    "linear_response",
    "plane",
    "point_masses",
    "re_entry_masses",
    "shot_noise_rate",
    "siegert",
    "stationary",
    "stationary_density",
    "threshold_integration",
]
