"""Figures that answer: HTML and JavaScript in one piece, with a still picture where scripts do not run."""

from .atlas import Atlas, atlas
from .film import DensityFilm, density_film
from .still import atlas_figure

__all__ = ["Atlas", "DensityFilm", "atlas", "atlas_figure", "density_film"]
