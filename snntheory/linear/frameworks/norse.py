"""Norse: forward Euler, the spike before the step; parameters are rates in 1/s beside an explicit dt."""

import sympy

from ..symbolic import delta_t, tau_mem, tau_syn
from .framework import LEAK_MEM, LEAK_SYN, Framework, Reset, parameter

_mem, _syn = parameter("tau_mem_inv"), parameter("tau_syn_inv")
_USUAL = {"tau_mem_inv": 1 / tau_mem, "tau_syn_inv": 1 / tau_syn}
_EXACT = {"tau_mem_inv": LEAK_MEM / delta_t, "tau_syn_inv": LEAK_SYN / delta_t}

LIF_CELL = Framework(
    name="norse.LIFCell",
    title="Norse LIFCell",
    version="Norse 1.1.0",
    update="i = i + S; u = u + dt tau_mem_inv (i - u); i = i - dt tau_syn_inv i",
    propagator=sympy.ImmutableMatrix([[1 - delta_t * _mem, delta_t * _mem], [0, 1 - delta_t * _syn]]),
    input=sympy.ImmutableMatrix([delta_t * _mem, 1 - delta_t * _syn]),
    usual=_USUAL,
    exact=_EXACT,
    nearest=("forward_euler", None),
    reset=Reset(("to_value",)),
    remark="LICell and the recurrent cells share it; recurrent spikes enter one step later",
)

CUBA_NIR = Framework(
    name="norse.from_nir.CubaLIF",
    title="Norse from NIR",
    version="Norse 1.1.0, nir 1.0.8",
    update="i = i + dt tau_syn_inv (S - i); u = u + dt tau_mem_inv (i - u)",
    propagator=sympy.ImmutableMatrix(
        [[1 - delta_t * _mem, delta_t * _mem * (1 - delta_t * _syn)], [0, 1 - delta_t * _syn]]
    ),
    input=sympy.ImmutableMatrix([delta_t**2 * _mem * _syn, delta_t * _syn]),
    usual=_USUAL,
    exact=_EXACT,
    nearest=("forward_euler", None),
    reset=Reset(("to_value",)),
    remark="a spike counts as a current of height S for one step, so its area is S dt: halving dt halves every "
    "response; w_in and r of the node multiply S",
)

FRAMEWORKS = (LIF_CELL, CUBA_NIR)
