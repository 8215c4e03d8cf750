"""Updates that were published with a paper and not as a package: TSSL-BP and Yang's temporal error."""

import sympy

from ..symbolic import delta_t, tau_mem, tau_syn
from .framework import LEAK_MEM, LEAK_SYN, Framework, Reset, parameter, two_states

_tau_m, _tau_s = parameter("tau_m"), parameter("tau_s")
_TSSL = two_states(mem=1 - 1 / _tau_m, syn=1 - 1 / _tau_s, kick=1 / _tau_s)
_USUAL = {"tau_m": tau_mem / delta_t, "tau_s": tau_syn / delta_t}
_EXACT = {"tau_m": 1 / LEAK_MEM, "tau_s": 1 / LEAK_SYN}
_STEPS = {"tau_m": (1.0, float("inf")), "tau_s": (1.0, float("inf"))}

TSSL_BP = Framework(
    name="tssl_bp",
    title="TSSL-BP",
    version="Zhang and Li (2020), github.com/stonezwr/TSSL-BP at 08ff1d7",
    update="i = i + (S - i) / tau_s; u = u - u / tau_m + i",
    propagator=_TSSL[0],
    input=_TSSL[1],
    usual=_USUAL,
    exact=_EXACT,
    nearest=("forward_euler", None),
    reset=Reset(("to_value",), recorded="before"),
    bounds=_STEPS,
    checked="compared with a loop written after its published source",
    remark="the trace is kept for each presynaptic neuron and weighted afterwards, which is the same linear system",
)

YANG = Framework(
    name="yang",
    title="Yang (2020)",
    version="arXiv:2011.09964, equations (1) and (2)",
    update="u = u - u / tau_m + i; i = i - i / tau_s + S / tau_s",
    propagator=sympy.ImmutableMatrix([[1 - 1 / _tau_m, 1], [0, 1 - 1 / _tau_s]]),
    input=sympy.ImmutableMatrix([0, 1 / _tau_s]),
    usual=_USUAL,
    exact=_EXACT,
    nearest=("forward_euler", None),
    reset=Reset(("to_value",), recorded="before"),
    bounds=_STEPS,
    checked="compared with a loop written after its equations",
    remark="forward Euler in the right order, with a unit of voltage that is tau_m / Delta_t too large",
)

FRAMEWORKS = (TSSL_BP, YANG)
