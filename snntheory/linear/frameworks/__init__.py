"""What deep learning libraries and simulators really integrate, in one notation.

Every entry is a :class:`Framework`: the library's own update as ``x_n = A x_{n-1} + b S_n`` in its own parameters, what
to type for a physical neuron, and which physical neuron given parameters are.

>>> from snntheory import CubaLIF
>>> from snntheory.linear import frameworks
>>> frameworks.get("snntorch.Synaptic").parameters_for(CubaLIF(0.020, 0.010), dt=0.001).values["beta"]
0.951229424500714
"""

from __future__ import annotations

from ... import _check
from . import lava_dl, norse, published, rockpool, simulators, sinabs, snntorch, spikingjelly
from .compare import Match, Overview, identify, overview
from .framework import Framework, Reset, Settings
from .spiking import simulate

_ALL = {
    framework.name: framework
    for module in (snntorch, norse, spikingjelly, sinabs, rockpool, lava_dl, published, simulators)
    for framework in module.FRAMEWORKS
}


def names() -> tuple[str, ...]:
    """Names of all frameworks, as ``library.Class``."""
    return tuple(_ALL)


def get(name: str) -> Framework:
    """The declaration of a framework's neuron.

    Raises
    ------
    ValueError
        The name is unknown.
    """
    return _ALL[_check.choice("name", name, _ALL)]


def every() -> tuple[Framework, ...]:
    """All frameworks."""
    return tuple(_ALL.values())


__all__ = [
    "Framework",
    "Match",
    "Overview",
    "Reset",
    "Settings",
    "every",
    "get",
    "identify",
    "names",
    "overview",
    "simulate",
]
