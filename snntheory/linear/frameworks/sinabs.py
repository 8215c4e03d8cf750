"""Sinabs: exact decays, time constants in steps, the spike decays before it acts."""

import sympy

from ..symbolic import delta_t, tau_mem, tau_syn
from .framework import Framework, Reset, parameter, two_states

_mem, _syn = parameter("tau_mem"), parameter("tau_syn")
_a_mem, _a_syn = sympy.exp(-1 / _mem), sympy.exp(-1 / _syn)
_NORMALISED = two_states(mem=_a_mem, syn=_a_syn, drive=1 - _a_mem, decays_kick=True)
_PLAIN = two_states(mem=_a_mem, syn=_a_syn, decays_kick=True)
_TYPED = {"tau_mem": tau_mem / delta_t, "tau_syn": tau_syn / delta_t}
_RESET = Reset(("subtract", "to_value"), comparison=">=", several=True)

LIF = Framework(
    name="sinabs.LIF",
    title="Sinabs LIF",
    version="Sinabs 3.1.3",
    update="i = a_syn (i + S); u = a_mem u + (1 - a_mem) i, with a = exp(-1/tau)",
    propagator=_NORMALISED[0],
    input=_NORMALISED[1],
    usual=_TYPED,
    exact=_TYPED,
    nearest=("exponential_euler", None),
    reset=_RESET,
    remark="norm_input=True, the default. One step can emit several spikes",
)

LIF_PLAIN = Framework(
    name="sinabs.LIF(norm_input=False)",
    title="Sinabs LIF, norm_input=False",
    version="Sinabs 3.1.3",
    update="i = a_syn (i + S); u = a_mem u + i, with a = exp(-1/tau)",
    propagator=_PLAIN[0],
    input=_PLAIN[1],
    usual=_TYPED,
    exact=_TYPED,
    nearest=("impulse_invariance", None),
    reset=_RESET,
    remark="One step can emit several spikes",
)

FRAMEWORKS = (LIF, LIF_PLAIN)
