"""The sources' experiments, one module each: settings, run, artefact. Nothing else in the package imports them."""

from importlib import import_module
from types import ModuleType

NAMES = (
    "time-step-spectra",
    "spectral-causes",
    "gradient-fidelity",
    "xor",
    "iris",
    "yin-yang",
    "yin-yang-surrogates",
    "yin-yang-beyond",
    "step-size-accuracy",
    "integration-order",
    "time-step-sweep",
    "time-step-fashion",
    "collapse",
    "convolutional",
)
"""Each is a module of this package with ``Settings`` and ``run``, its dashes underscores."""


def module(name: str) -> ModuleType:
    """The module of an experiment of :data:`NAMES`."""
    return import_module(f"{__name__}.{name.replace('-', '_')}")
