"""Ratios of the time constants that recorded networks have; a recording says nothing about others far from them."""

from __future__ import annotations

from ..neuron import CubaLIF

RATIOS = {
    "network": (1.0, 2.0),
    "gradient": (1.0, 2.0),
    "clocked": (4 / 3,),
    "late": (2.0,),
    "budget": (1.0,),
}
"""``tau_mem / tau_syn`` behind each part that is read from artefacts."""
FAR = 2.0
"""A ratio more than this factor away from all recorded ones was not recorded."""
EQUAL = 1.05
"""Time constants closer than this factor count as equal: none was recorded with a slower synapse than membrane."""


def ratio(neuron: CubaLIF) -> float:
    """``tau_mem / tau_syn``."""
    return neuron.tau_mem / neuron.tau_syn


def unlike(neuron: CubaLIF, kind: str) -> str:
    """Which ratios a part was recorded at, if the neuron's is another; else, and for what is computed, empty.

    Parameters
    ----------
    neuron : CubaLIF
    kind : str
        One of :data:`snntheory.advice.answer.PARTS`.
    """
    known = RATIOS.get(kind, ())
    mine = ratio(neuron)
    near = any(max(mine / each, each / mine) <= FAR * (1 + 1e-9) for each in known)
    if not known or (near and mine * EQUAL >= min(known[0], 1.0)):
        return ""
    return f"of tau_mem/tau_syn = {' and '.join(f'{each:.3g}' for each in known)}, not {mine:.3g}"
