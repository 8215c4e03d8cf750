"""Figures that answer: HTML and JavaScript in one piece, with a still picture where scripts do not run."""

from .atlas import Atlas, atlas
from .density import DensityPlay, density_play
from .film import DensityFilm, density_film
from .overview import Curve, Overview, StepPanel, overview, overview_figure, step_panel
from .spikes import SpikePlay, spike_play
from .still import atlas_figure

__all__ = [
    "Atlas",
    "Curve",
    "DensityFilm",
    "DensityPlay",
    "Overview",
    "SpikePlay",
    "StepPanel",
    "atlas",
    "atlas_figure",
    "density_film",
    "density_play",
    "overview",
    "overview_figure",
    "spike_play",
    "step_panel",
]
