"""Rockpool: exact decays from time constants in seconds, or decays that are powers of one half."""

import sympy

from ..symbolic import delta_t, tau_mem, tau_syn
from .framework import Framework, Reset, parameter, two_states

_mem, _syn = parameter("tau_mem"), parameter("tau_syn")
_TORCH = two_states(mem=sympy.exp(-delta_t / _mem), syn=sympy.exp(-delta_t / _syn), decays_kick=True)
_dash_mem, _dash_syn = parameter("dash_mem"), parameter("dash_syn")
_SHIFTED = two_states(mem=1 - 2**-_dash_mem, syn=1 - 2**-_dash_syn, decays_kick=True)
_RESET = Reset(("subtract",), comparison=">=", several=True)


def _dash(tau: sympy.Symbol) -> sympy.Expr:
    return sympy.floor(sympy.log(tau / delta_t) / sympy.log(2) + sympy.Rational(1, 2))


LIF_TORCH = Framework(
    name="rockpool.LIFTorch",
    title="Rockpool LIFTorch",
    version="Rockpool 3.1.0",
    update="i = a_syn (i + S); u = a_mem u + i, with a = exp(-dt/tau)",
    propagator=_TORCH[0],
    input=_TORCH[1],
    usual={"tau_mem": tau_mem, "tau_syn": tau_syn},
    exact={"tau_mem": tau_mem, "tau_syn": tau_syn},
    nearest=("impulse_invariance", None),
    reset=_RESET,
    remark="the source calls dt the step of a forward Euler solver, but the decays are exact. One step can emit "
    "several spikes",
)

LIF_BITSHIFT = Framework(
    name="rockpool.LIFTorch(bitshifts)",
    title="Rockpool LIFTorch, bitshifts",
    version="Rockpool 3.1.0",
    update="i = (1 - 2^-dash_syn) (i + S); u = (1 - 2^-dash_mem) u + i",
    propagator=_SHIFTED[0],
    input=_SHIFTED[1],
    usual={"dash_mem": _dash(tau_mem), "dash_syn": _dash(tau_syn)},
    nearest=("forward_euler", None),
    reset=_RESET,
    quantised=True,
    remark="leak_mode='bitshifts'. usual rounds to whole shifts, as LIFBitshiftTorch and the chip do: time constants "
    "come in powers of two",
)

FRAMEWORKS = (LIF_TORCH, LIF_BITSHIFT)
