"""SpikingJelly: forward Euler in steps; most of its nodes have no synapse.

Not here, because they are no linear filters below threshold: ``KLIFNode`` rectifies its voltage, ``GatedLIFNode`` mixes
a linear decay into it, and the current of ``SynapseFilter`` does not decay in a step with a spike.
"""

import sympy

from ..symbolic import delta_t, tau_mem, tau_syn
from .framework import DECAY_MEM, DECAY_SYN, Framework, Reset, parameter, two_states

_tau, _c, _v = parameter("tau"), parameter("c_decay"), parameter("v_decay")
_CUBA = two_states(mem=_v, syn=_c)
_RESET = Reset(("to_value", "subtract"), comparison=">=")
_OTHERS = "ParametricLIFNode is the same with tau = 1 / sigmoid(w), a parameter that is learnt"
_COMPLEMENTARY = "ComplementaryLIFNode is the same below threshold; it subtracts more than the threshold"

LIF_NODE = Framework(
    name="spikingjelly.LIFNode",
    title="SpikingJelly LIFNode",
    version="SpikingJelly 2.0.0",
    update="u = u + (S - u) / tau",
    propagator=sympy.ImmutableMatrix([[1 - 1 / _tau, 0], [0, 0]]),
    input=sympy.ImmutableMatrix([1 / _tau, 0]),
    usual={"tau": tau_mem / delta_t},
    nearest=("forward_euler", None),
    reset=_RESET,
    bounds={"tau": (1.0, float("inf"))},
    has_synapse=False,
    remark=f"decay_input=True, the default: the gain depends on tau. {_OTHERS}",
)

LIF_NODE_PLAIN = Framework(
    name="spikingjelly.LIFNode(decay_input=False)",
    title="SpikingJelly LIFNode, decay_input=False",
    version="SpikingJelly 2.0.0",
    update="u = u - u / tau + S",
    propagator=sympy.ImmutableMatrix([[1 - 1 / _tau, 0], [0, 0]]),
    input=sympy.ImmutableMatrix([1, 0]),
    usual={"tau": tau_mem / delta_t},
    nearest=("forward_euler", None),
    reset=_RESET,
    bounds={"tau": (1.0, float("inf"))},
    has_synapse=False,
    remark=f"the kick is 1 whatever tau is. {_OTHERS}. {_COMPLEMENTARY}",
)

CUBA_LIF_NODE = Framework(
    name="spikingjelly.CUBALIFNode",
    title="SpikingJelly CUBALIFNode",
    version="SpikingJelly 2.0.0",
    update="i = c_decay i + S; u = v_decay u + i",
    propagator=_CUBA[0],
    input=_CUBA[1],
    usual={"c_decay": 1 - delta_t / tau_syn, "v_decay": 1 - delta_t / tau_mem},
    exact={"c_decay": DECAY_SYN, "v_decay": DECAY_MEM},
    nearest=("forward_euler", None),
    reset=_RESET,
    bounds={"c_decay": (0.0, 1.0), "v_decay": (0.0, 1.0)},
    remark="its documentation names no time constants; usual is the formula of its NIR export. NoisyCUBALIFNode and "
    "ILCCUBALIFNode charge in the same way",
)

FRAMEWORKS = (LIF_NODE, LIF_NODE_PLAIN, CUBA_LIF_NODE)
