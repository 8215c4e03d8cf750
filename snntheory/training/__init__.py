"""The compact trainer: networks of CubaLIF neurons, on a grid or of spike times (needs torch).

Names are loaded when they are first used; :mod:`snntheory.training.datasets` and ``exact_forward``, which is
:func:`snntheory.spiking.exact_network`, work without torch.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from . import datasets

if TYPE_CHECKING:
    from ..spiking.events import exact_network as exact_forward
    from .checkpoint import CheckpointError, load_network
    from .combinations import refusal
    from .connections import Conv, Dense, Pool
    from .encoders import Constant, Events, Latency, Poisson
    from .event_network import EventNetwork
    from .initial import FanIn, Normal, Uniform
    from .losses import (
        CountCrossEntropy,
        FirstSpike,
        MaxVoltage,
        MeanVoltage,
        SpikeCount,
        VanRossum,
    )
    from .network import Network
    from .recorder import drive_statistics, record
    from .sweeps import SweepStopped, sweep
    from .trainer import Evaluation, evaluate, fit

_NAMES = {
    "CheckpointError": "checkpoint",
    "Constant": "encoders",
    "Conv": "connections",
    "CountCrossEntropy": "losses",
    "Dense": "connections",
    "Evaluation": "trainer",
    "EventNetwork": "event_network",
    "Events": "encoders",
    "FanIn": "initial",
    "FirstSpike": "losses",
    "Latency": "encoders",
    "MaxVoltage": "losses",
    "MeanVoltage": "losses",
    "Network": "network",
    "Normal": "initial",
    "Poisson": "encoders",
    "Pool": "connections",
    "SpikeCount": "losses",
    "SweepStopped": "sweeps",
    "Uniform": "initial",
    "VanRossum": "losses",
    "drive_statistics": "recorder",
    "evaluate": "trainer",
    "fit": "trainer",
    "load_network": "checkpoint",
    "record": "recorder",
    "refusal": "combinations",
    "sweep": "sweeps",
}

__all__ = [
    "CheckpointError",
    "Constant",
    "Conv",
    "CountCrossEntropy",
    "Dense",
    "Evaluation",
    "EventNetwork",
    "Events",
    "FanIn",
    "FirstSpike",
    "Latency",
    "MaxVoltage",
    "MeanVoltage",
    "Network",
    "Normal",
    "Poisson",
    "Pool",
    "SpikeCount",
    "SweepStopped",
    "Uniform",
    "VanRossum",
    "datasets",
    "drive_statistics",
    "evaluate",
    "exact_forward",
    "fit",
    "load_network",
    "record",
    "refusal",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name == "exact_forward":  # event by event, float64: no torch in it
        from ..spiking import exact_network

        return exact_network
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if find_spec("torch") is None:
        raise ModuleNotFoundError(
            f"snntheory.training.{name} needs torch: pip install 'snntheory[train]'", name="torch"
        )
    return getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
