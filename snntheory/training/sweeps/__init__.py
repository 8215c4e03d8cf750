"""Sweeps: one task for every combination of some settings, on this machine or on a cluster: labelled results."""

from .combinations import sweep
from .runs import Report, SweepStopped, Task

__all__ = ["Report", "SweepStopped", "Task", "sweep"]
