"""Figures: one style, and one function a figure. Each returns (fig, ax); only this room loads matplotlib."""

from .spectra import psd_figure, scalogram_figure
from .style import colour_for_dt, format_dt, label_lines, use_style

__all__ = [
    "colour_for_dt",
    "format_dt",
    "label_lines",
    "psd_figure",
    "scalogram_figure",
    "use_style",
]
