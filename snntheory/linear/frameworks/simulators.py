"""Brian2's integration methods and NEST's exact integration: simulators with physical units."""

from collections.abc import Mapping

import sympy

from .. import schemes
from ..symbolic import delta_t, resistance, tau_mem, tau_syn
from .framework import LEAK_MEM, LEAK_SYN, Framework, Reset, parameter

_TYPED = {"tau_mem": tau_mem, "tau_syn": tau_syn, "R": resistance}
_STRETCHED = {"tau_mem": delta_t / LEAK_MEM, "tau_syn": delta_t / LEAK_SYN, "R": resistance}
_JUMP = sympy.ImmutableMatrix([0, 1])
_BRIAN_REMARK = (
    "with di/dt = -i/tau_syn and on_pre='i += w'. A spike at t acts after the step from t to t + dt, so it counts "
    "as one of step t/dt + 1"
)


def _brian(
    method: str,
    scheme: tuple[str, int | None],
    exact: Mapping[str, sympy.Expr] | None = None,
    remark: str = "",
) -> Framework:
    return Framework(
        name=f"brian2.{method}",
        title=f"Brian2, method {method}",
        version="Brian2 2.9.0",
        update=f"x = A x with {schemes.get(*scheme).title}, then i = i + S",
        propagator=schemes.get(*scheme).propagator,
        input=_JUMP,
        usual=_TYPED,
        exact=exact,
        physical={tau_mem: tau_mem, tau_syn: tau_syn, resistance: resistance},
        nearest=scheme,
        reset=Reset(("to_value", "subtract")),
        remark=f"{remark}{_BRIAN_REMARK}",
    )


EXACT = _brian("exact", ("impulse_invariance", None), _TYPED, "the first choice for linear equations; ")
EXPONENTIAL_EULER = _brian("exponential_euler", ("exponential_euler", None), _TYPED)
EULER = _brian("euler", ("forward_euler", None), _STRETCHED, "heun and milstein are the same without noise; ")
RK2 = _brian("rk2", ("parker_sochacki", 2))
RK4 = _brian("rk4", ("parker_sochacki", 4))

_c_m, _tau_m, _tau_syn_ex = parameter("C_m"), parameter("tau_m"), parameter("tau_syn_ex")
_NEST_TYPED = {"C_m": 1000 * tau_mem / resistance, "tau_m": 1000 * tau_mem, "tau_syn_ex": 1000 * tau_syn}
_NEST_PHYSICAL = {tau_mem: _tau_m / 1000, tau_syn: _tau_syn_ex / 1000, resistance: _tau_m / _c_m}

NEST = Framework(
    name="nest.iaf_psc_exp",
    title="NEST iaf_psc_exp",
    version="NEST 3.10.0",
    update="u = P22 u + P21 i; i = P11 i; i = i + S",
    propagator=schemes.get("impulse_invariance").propagator.subs(_NEST_PHYSICAL, simultaneous=True),
    input=_JUMP,
    usual=_NEST_TYPED,
    exact=_NEST_TYPED,
    physical=_NEST_PHYSICAL,
    nearest=("impulse_invariance", None),
    reset=Reset(("to_value",), comparison=">="),
    remark="milliseconds, picofarad, picoampere, millivolt: R = tau_m / C_m is in gigaohm. A spike acts at its time "
    "plus the connection's delay, at least one step. E_L = 0 and t_ref = 0 are assumed; the default t_ref is 2 ms",
)

FRAMEWORKS = (EXACT, EXPONENTIAL_EULER, EULER, RK2, RK4, NEST)
