"""Many identical neurons: moments, rates and densities of (u, i), in continuous time and on a grid."""

from .evolution import Evolution, evolve, point_masses
from .fokker_planck import NotConverged, StationaryDensity, jump_density, stationary, stationary_density
from .grid import Grid, plane
from .intervals import Intervals, interval_density, interval_moments, re_entry_masses
from .linear_response import linear_response
from .markov import RateEstimate, ResetRule, chain_rate, diffusion_chain_rate, gaussian_chain_rate
from .moments import (
    discrete_autocovariance,
    discrete_cumulants,
    discrete_moments,
    free_autocovariance,
    free_cumulants,
    free_moments,
)
from .monte_carlo import RateBias, event_driven_rate, rate_bias
from .prediction import predict_recording, predicted_density
from .rates import OutsideValidity, coloured_rate, cv, drive, grid_rate, siegert
from .recorded import compare_density, recorded_state
from .shot_noise import shot_noise_rate
from .synaptic_input import Diffusion, Jumps
from .threshold_integration import threshold_integration
from .transfer_operator import GridDensity, transfer_operator

__all__ = [
    "Diffusion",
    "Evolution",
    "Grid",
    "GridDensity",
    "Intervals",
    "Jumps",
    "NotConverged",
    "OutsideValidity",
    "RateBias",
    "RateEstimate",
    "ResetRule",
    "StationaryDensity",
    "chain_rate",
    "coloured_rate",
    "compare_density",
    "cv",
    "diffusion_chain_rate",
    "discrete_autocovariance",
    "discrete_cumulants",
    "discrete_moments",
    "drive",
    "event_driven_rate",
    "evolve",
    "free_autocovariance",
    "free_cumulants",
    "free_moments",
    "gaussian_chain_rate",
    "grid_rate",
    "interval_density",
    "interval_moments",
    "jump_density",
    "linear_response",
    "plane",
    "point_masses",
    "predict_recording",
    "predicted_density",
    "rate_bias",
    "re_entry_masses",
    "shot_noise_rate",
    "recorded_state",
    "siegert",
    "stationary",
    "stationary_density",
    "threshold_integration",
    "transfer_operator",
]
