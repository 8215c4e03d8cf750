"""The neuron of every room: a current-based leaky integrate-and-fire neuron with an exponential synapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import _check

RESETS = ("subtract", "to_value", "none")


@dataclass(frozen=True)
class CubaLIF:
    r"""Current-based leaky integrate-and-fire neuron, physical units.

    Definition::

        tau_mem du/dt = -u + r i
        tau_syn di/dt = -i + sum_n w_n delta(t - t_n)

    A spike of weight ``w`` makes ``i`` jump by ``w / tau_syn``: ``w`` is the area of the current pulse.
    The neuron fires when ``u`` reaches ``v_threshold`` from below.

    Parameters
    ----------
    tau_mem, tau_syn : float
        Membrane and synaptic time constants in seconds, above zero. They may be equal.
    r : float
        Membrane resistance (voltage per current), above zero.
    v_threshold : float
        Threshold, in the unit of ``u``.
    v_reset : float
        Value that ``u`` takes after a spike when ``reset`` is ``"to_value"``; not used otherwise.
    reset : {"subtract", "to_value", "none"}
        ``"subtract"``: ``u -= v_threshold`` (keeps the overshoot of a grid); ``"to_value"``: ``u = v_reset``
        (loses it); ``"none"``: spikes are emitted and ``u`` goes on as a linear system. The current is
        never reset.

    Raises
    ------
    TypeError
        A number is not a real number.
    ValueError
        A number is not finite or out of range, ``reset`` is unknown, or the neuron would be reset to
        its threshold or above.

    References
    ----------
    NIR's ``CubaLIF`` (Pedersen et al., Nature Communications 15:8122, 2024); Hu (2024), equations (1), (4).
    """

    tau_mem: float
    tau_syn: float
    r: float = 1.0
    v_threshold: float = 1.0
    v_reset: float = 0.0
    reset: Literal["subtract", "to_value", "none"] = "subtract"

    def __post_init__(self) -> None:
        for name, unit in (("tau_mem", "s"), ("tau_syn", "s"), ("r", "")):
            object.__setattr__(self, name, _check.positive(name, getattr(self, name), unit))
        for name in ("v_threshold", "v_reset"):
            object.__setattr__(self, name, _check.number(name, getattr(self, name)))
        _check.choice("reset", self.reset, RESETS)
        if self.reset == "to_value" and self.v_reset >= self.v_threshold:
            raise ValueError(
                f"v_reset must lie below v_threshold, got v_reset={self.v_reset:g} and "
                f"v_threshold={self.v_threshold:g}: the neuron would fire for ever"
            )
        if self.reset == "subtract" and self.v_threshold <= 0:
            raise ValueError(
                f"v_threshold must be above 0 when the reset subtracts it, got {self.v_threshold:g}; "
                "choose reset='to_value' for a threshold at or below rest"
            )
