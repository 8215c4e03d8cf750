"""Many identical neurons: moments, rates and densities of (u, i), in continuous time and on a grid."""

from .fokker_planck import StationaryDensity, stationary_density
from .moments import (
    discrete_autocovariance,
    discrete_cumulants,
    discrete_moments,
    free_autocovariance,
    free_cumulants,
    free_moments,
)
from .rates import (
    OutsideValidity,
    coloured_rate,
    cv,
    drive,
    grid_rate,
    shot_noise_rate,
    siegert,
    threshold_integration,
)

__all__ = [
    "OutsideValidity",
    "StationaryDensity",
    "coloured_rate",
    "cv",
    "discrete_autocovariance",
    "discrete_cumulants",
    "discrete_moments",
    "drive",
    "free_autocovariance",
    "free_cumulants",
    "free_moments",
    "grid_rate",
    "shot_noise_rate",
    "siegert",
    "stationary_density",
    "threshold_integration",
]
