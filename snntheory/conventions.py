"""Parametrisations of the same neuron in papers, and their translation to and from :class:`snntheory.CubaLIF`.

The canonical weight of a spike is the area of the current that it causes: ``i`` jumps by ``weight / tau_syn``. Most
papers and simulators call the jump itself the weight, and some put the resistance or the peak into it; a
:class:`Convention` says by what factor. Updates in discrete time are in :mod:`snntheory.linear.frameworks`.

>>> from snntheory import conventions
>>> neuron, weight = conventions.get("bats").to_neuron({"tau": 0.26, "tau_s": 0.13, "threshold": 0.2})
>>> neuron.r, weight
(0.26, 0.13)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import _check
from .neuron import CubaLIF

Values = dict[str, float]


@dataclass(frozen=True, eq=False)
class Convention:
    """One parametrisation of the neuron.

    Attributes
    ----------
    name, title : str
    equations : str
        In its own symbols; ``w`` is its weight, ``S`` a train of Dirac impulses.
    parameters : tuple of str
        In the order of the equations; ``threshold`` is in its unit of voltage. Seconds, except where the
        equations say otherwise.
    reset : str
        ``"subtract"`` or ``"to_value"``, to 0 unless a parameter ``reset`` says otherwise.
    remark : str
        What is not unique or not carried.
    """

    name: str
    title: str
    equations: str
    parameters: tuple[str, ...]
    reset: str
    _to: Callable[[Values], tuple[CubaLIF, float]]
    _from: Callable[[CubaLIF], tuple[Values, float]]
    signed: tuple[str, ...] = ()
    remark: str = ""

    def to_neuron(self, values: Mapping[str, float]) -> tuple[CubaLIF, float]:
        """The canonical neuron, and the canonical weight of this convention's weight 1.

        Raises
        ------
        TypeError, ValueError
            A name is missing or unknown, a value is not a finite number or not above 0 where it must be.
        """
        if set(values) != set(self.parameters):
            raise ValueError(
                f"values of {self.name} must be exactly {', '.join(self.parameters)}; got {', '.join(values)}"
            )
        checked = {
            name: (_check.number if name in self.signed else _check.positive)(name, values[name])
            for name in self.parameters
        }
        return self._to(checked)

    def from_neuron(self, neuron: CubaLIF) -> tuple[Values, float]:
        """This convention's parameters for a neuron, and its weight for a canonical weight of 1.

        Raises
        ------
        TypeError, ValueError
            ``neuron`` is no CubaLIF, or the convention cannot express its reset.
        """
        if not isinstance(neuron, CubaLIF):
            raise TypeError(f"neuron must be a CubaLIF, got {type(neuron).__name__}")
        if neuron.reset not in (self.reset, "none"):
            raise ValueError(
                f"{self.name} has the reset {self.reset!r}, got a neuron with {neuron.reset!r}; "
                f"make one with reset={self.reset!r} if that is acceptable"
            )
        if neuron.reset == "to_value" and neuron.v_reset != 0 and "reset" not in self.parameters:
            raise ValueError(
                f"{self.name} resets to 0, got v_reset={neuron.v_reset:g}; shift the voltage first"
            )
        return self._from(neuron)


def _bats() -> Convention:
    def to(v: Values) -> tuple[CubaLIF, float]:
        return CubaLIF(v["tau"], v["tau_s"], r=v["tau"], v_threshold=v["threshold"]), v["tau_s"]

    def back(n: CubaLIF) -> tuple[Values, float]:
        values = {"tau": n.tau_mem, "tau_s": n.tau_syn, "threshold": n.v_threshold}
        return values, n.r / (n.tau_mem * n.tau_syn)

    return Convention(
        name="bats",
        title="BATS (Bacho and Chu, 2022; Cojocaru)",
        equations="du/dt = -u/tau + g;  dg/dt = -g/tau_s + w S;  u drops by threshold",
        parameters=("tau", "tau_s", "threshold"),
        reset="subtract",
        _to=to,
        _from=back,
        remark="the resistance is tau, so weights have the unit of a voltage per time squared",
    )


def _fp() -> Convention:
    def to(v: Values) -> tuple[CubaLIF, float]:
        membrane = 1 / v["beta"]
        return CubaLIF(membrane, 1 / v["alpha"], r=membrane, v_threshold=v["threshold"]), 1 / v["alpha"]

    def back(n: CubaLIF) -> tuple[Values, float]:
        values = {"alpha": 1 / n.tau_syn, "beta": 1 / n.tau_mem, "threshold": n.v_threshold}
        return values, n.r / (n.tau_mem * n.tau_syn)

    return Convention(
        name="fp",
        title="Forward propagation (Lee, Haghighatshoar and Karbasi)",
        equations="u = w (exp(-alpha t) - exp(-beta t)) / (beta - alpha) after a spike;  u drops by threshold",
        parameters=("alpha", "beta", "threshold"),
        reset="subtract",
        _to=to,
        _from=back,
        remark="alpha and beta are rates in 1/s: alpha of the synapse, beta of the membrane",
    )


def _eventprop() -> Convention:
    def to(v: Values) -> tuple[CubaLIF, float]:
        neuron = CubaLIF(v["tau_mem"], v["tau_syn"], v_threshold=v["threshold"], reset="to_value")
        return neuron, v["tau_syn"]

    def back(n: CubaLIF) -> tuple[Values, float]:
        return {"tau_mem": n.tau_mem, "tau_syn": n.tau_syn, "threshold": n.v_threshold}, n.r / n.tau_syn

    return Convention(
        name="eventprop",
        title="EventProp (Wunderlich and Pehle, 2021)",
        equations="tau_mem dV/dt = -V + I;  tau_syn dI/dt = -I + tau_syn w S;  V is set to 0",
        parameters=("tau_mem", "tau_syn", "threshold"),
        reset="to_value",
        _to=to,
        _from=back,
        remark="I jumps by w. The resistance is 1: another one goes into the weight",
    )


def _conductance() -> Convention:
    def to(v: Values) -> tuple[CubaLIF, float]:
        neuron = CubaLIF(
            v["C_m"] / v["g_leak"],
            v["tau_s"],
            r=1 / v["g_leak"],
            v_threshold=v["threshold"] - v["E_leak"],
            v_reset=v["reset"] - v["E_leak"],
            reset="to_value",
        )
        return neuron, v["tau_s"]

    def back(n: CubaLIF) -> tuple[Values, float]:
        values = {"C_m": n.tau_mem / n.r, "g_leak": 1 / n.r, "tau_s": n.tau_syn, "E_leak": 0.0}
        return values | {"threshold": n.v_threshold, "reset": n.v_reset}, 1 / n.tau_syn

    return Convention(
        name="leak_conductance",
        title="Capacitance and leak conductance (Göltz et al., 2021; textbooks)",
        equations="C_m du/dt = g_leak (E_leak - u) + I;  tau_s dI/dt = -I + tau_s w S;  u is set to reset",
        parameters=("C_m", "g_leak", "tau_s", "E_leak", "threshold", "reset"),
        reset="to_value",
        _to=to,
        _from=back,
        signed=("E_leak", "threshold", "reset"),
        remark="canonical voltages are measured from E_leak, which is 0 on the way back",
    )


def _unit_peak() -> Convention:
    def scale(tau_mem: float, tau_syn: float) -> float:
        """Canonical weight, at r = 1, whose response has the peak 1."""
        from .linear.continuous import kernel, peak_time

        neuron = CubaLIF(tau_mem, tau_syn)
        return 1 / float(kernel(neuron, peak_time(neuron)))

    def to(v: Values) -> tuple[CubaLIF, float]:
        neuron = CubaLIF(v["tau_mem"], v["tau_syn"], v_threshold=v["threshold"])
        return neuron, scale(v["tau_mem"], v["tau_syn"])

    def back(n: CubaLIF) -> tuple[Values, float]:
        values = {"tau_mem": n.tau_mem, "tau_syn": n.tau_syn, "threshold": n.v_threshold}
        return values, n.r / scale(n.tau_mem, n.tau_syn)

    return Convention(
        name="unit_peak",
        title="Kernel with peak 1 (spike response model, tempotron)",
        equations="u = w V0 (exp(-t/tau_mem) - exp(-t/tau_syn)) after a spike, max u = w;  u drops by threshold",
        parameters=("tau_mem", "tau_syn", "threshold"),
        reset="subtract",
        _to=to,
        _from=back,
        remark="the weight is the height of the potential in the unit of u",
    )


def _second_order() -> Convention:
    def to(v: Values) -> tuple[CubaLIF, float]:
        zeta = v["damping_ratio"]
        if zeta < 1:
            raise ValueError(
                f"damping_ratio must be at least 1, got {zeta:g}: two real time constants do not ring"
            )
        # (zeta + root)(zeta - root) = 1: dividing keeps the digits that the difference would lose
        larger = zeta + math.sqrt((zeta - 1) * (zeta + 1))
        period = 1 / v["natural_frequency"]
        neuron = CubaLIF(period * larger, period / larger, r=v["gain"], v_threshold=v["threshold"])
        return neuron, 1.0

    def back(n: CubaLIF) -> tuple[Values, float]:
        from .linear.continuous import damping_ratio, natural_frequency

        if n.tau_syn > n.tau_mem:
            raise ValueError(
                f"tau_syn={n.tau_syn:g} s is longer than tau_mem={n.tau_mem:g} s: the second-order form does not "
                "know which is which; exchange them and multiply initial currents accordingly"
            )
        values = {"damping_ratio": max(1.0, damping_ratio(n)), "natural_frequency": natural_frequency(n)}
        return values | {"gain": n.r, "threshold": n.v_threshold}, 1.0

    return Convention(
        name="second_order",
        title="Damped oscillator (Hu, 2024, equation 10)",
        equations="u'' + 2 damping_ratio natural_frequency u' + natural_frequency^2 u = natural_frequency^2 gain w S;  "
        "u drops by threshold",
        parameters=("damping_ratio", "natural_frequency", "gain", "threshold"),
        reset="subtract",
        _to=to,
        _from=back,
        remark="symmetric in the time constants: the longer one is taken for the membrane. Near damping_ratio 1 the "
        "time constants keep half of the digits",
    )


_ALL = {
    convention.name: convention
    for convention in (_bats(), _fp(), _eventprop(), _conductance(), _unit_peak(), _second_order())
}


def names() -> tuple[str, ...]:
    """Names of all conventions."""
    return tuple(_ALL)


def get(name: str) -> Convention:
    """The convention of that name; a ValueError lists them when it is unknown."""
    return _ALL[_check.choice("name", name, _ALL)]
