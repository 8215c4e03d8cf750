"""snnTorch: decays per step, unnormalised kicks, the reset one step late."""

import sympy

from ..symbolic import delta_t, tau_mem
from .framework import DECAY_MEM, DECAY_SYN, Framework, Reset, parameter, two_states

_alpha, _beta = parameter("alpha"), parameter("beta")
_UNIT = (0.0, 1.0)
_SYNAPTIC = two_states(mem=_beta, syn=_alpha)

LEAKY = Framework(
    name="snntorch.Leaky",
    title="snnTorch Leaky",
    version="snnTorch 1.0.0",
    update="u = beta u + S - theta [u was above theta]",
    propagator=sympy.ImmutableMatrix([[_beta, 0], [0, 0]]),
    input=sympy.ImmutableMatrix([1, 0]),
    usual={"beta": sympy.exp(-delta_t / tau_mem)},
    nearest=("impulse_invariance", None),
    reset=Reset(("subtract", "to_value"), step="next", recorded="before"),
    bounds={"beta": _UNIT},
    has_synapse=False,
    remark="reset_delay=False moves the reset into the spike's step; with the default the voltage that is read still "
    "holds the overshoot, and the subtraction has not decayed",
)

SYNAPTIC = Framework(
    name="snntorch.Synaptic",
    title="snnTorch Synaptic",
    version="snnTorch 1.0.0",
    update="i = alpha i + S; u = beta u + i - theta [u was above theta]",
    propagator=_SYNAPTIC[0],
    input=_SYNAPTIC[1],
    usual={"alpha": DECAY_SYN, "beta": DECAY_MEM},
    exact={"alpha": DECAY_SYN, "beta": DECAY_MEM},
    nearest=("impulse_invariance", None),
    reset=Reset(("subtract", "to_value"), step="next", recorded="before", drops_input=True),
    bounds={"alpha": _UNIT, "beta": _UNIT},
    remark='reset_mechanism="zero" sets the voltage of the next step to 0 after that step\'s current was added, so it '
    "drops that current",
)

FRAMEWORKS = (LEAKY, SYNAPTIC)
