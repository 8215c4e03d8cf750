"""lava-dl (SLAYER): decays in 12 bits, states in integers, as on Intel's Loihi."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from ... import _check
from ..symbolic import delta_t, tau_mem, tau_syn
from .framework import LEAK_MEM, LEAK_SYN, Framework, Reset, parameter, two_states

BITS = 12
STATE_SCALE = 64 * 64
"""Integer steps per unit of voltage with the library's default ``scale=64``."""

_current, _voltage = parameter("current_decay"), parameter("voltage_decay")
_UPDATE = two_states(mem=1 - _voltage, syn=1 - _current)


def _in_12_bits(leak: sympy.Expr) -> sympy.Expr:
    return sympy.floor(2**BITS * leak + sympy.Rational(1, 2)) / 2**BITS


CUBA = Framework(
    name="lava_dl.cuba.Neuron",
    title="lava-dl cuba.Neuron",
    version="lava-dl 0.6.0",
    update="i = (1 - current_decay) i + S; u = (1 - voltage_decay) u + i, each rounded towards 0",
    propagator=_UPDATE[0],
    input=_UPDATE[1],
    usual={"current_decay": _in_12_bits(delta_t / tau_syn), "voltage_decay": _in_12_bits(delta_t / tau_mem)},
    exact={"current_decay": _in_12_bits(LEAK_SYN), "voltage_decay": _in_12_bits(LEAK_MEM)},
    nearest=("forward_euler", None),
    reset=Reset(("to_value",), comparison=">=", recorded="before"),
    bounds={"current_decay": (0.0, 1.0), "voltage_decay": (0.0, 1.0)},
    quantised=True,
    remark="exact up to the 12 bits of a decay. The linear update leaves out the rounding of the states, see "
    "fixed_point. Reset to 0. It compares with theta + 1e-2 / 4096, so an integer state fires above theta",
)


def fixed_point(
    values: Mapping[str, float], inputs: ArrayLike, state_scale: int = STATE_SCALE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voltage and current below threshold in the integer arithmetic of the library.

    Definition::

        I_n = trunc((2^12 - D_i) I_{n-1} / 2^12) + trunc(state_scale S_n),   i = I / state_scale
        U_n = trunc((2^12 - D_u) U_{n-1} / 2^12) + trunc(state_scale i_n),   u = U / state_scale

    with ``D = round(2^12 decay)`` and ``trunc`` towards zero.

    Parameters
    ----------
    values : mapping of str to float
        ``current_decay`` and ``voltage_decay``, between 0 and 1.
    inputs : array_like, shape (..., n_steps)
        ``S_n`` in the framework's weights.
    state_scale : int
        Integer steps per unit.

    Returns
    -------
    voltage, current : ndarray, shape (..., n_steps)

    Raises
    ------
    TypeError, ValueError
        A decay is missing or out of range, ``inputs`` has no time axis or is not finite.

    Accuracy: equal to the library bit for bit (tests/interop/test_lava_dl.py).
    """
    CUBA.numbers(values, 1.0)  # the checks
    inputs = _check.array("inputs", inputs)
    if inputs.ndim == 0:
        raise ValueError("inputs must have a time axis: shape (..., n_steps), got a scalar")
    scale = _check.integer("state_scale", state_scale, minimum=1)
    current = _leak(np.trunc(scale * inputs).astype(np.int64), values["current_decay"])
    return _leak(current, values["voltage_decay"]) / scale, current / scale


def _leak(inputs: NDArray[np.int64], decay: float) -> NDArray[np.int64]:
    kept = 2**BITS - round(2**BITS * decay)
    state, states = np.zeros(inputs.shape[:-1], dtype=np.int64), np.empty_like(inputs)
    for n in range(inputs.shape[-1]):
        state = np.sign(state) * ((np.abs(state) * kept) >> BITS) + inputs[..., n]
        states[..., n] = state
    return states


FRAMEWORKS = (CUBA,)
