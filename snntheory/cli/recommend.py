"""The command that says what a time step costs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .console import say


def recommend(
    dt: Annotated[float, typer.Option(help="Time step in seconds.")],
    tau_mem: Annotated[float, typer.Option(help="Membrane time constant in seconds.")] = 0.020,
    tau_syn: Annotated[float, typer.Option(help="Synaptic time constant in seconds.")] = 0.010,
    tolerance: Annotated[float, typer.Option(help="A loss up to here counts as kept.")] = 0.05,
    spikes: Annotated[
        float | None,
        typer.Option(help="Spikes that a training asks of one neuron; else as many as were recorded."),
    ] = None,
    width: Annotated[
        float | None, typer.Option(help="How long it is driven, in seconds; else the synaptic time constant.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every choice, not only the best of each part.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All numbers and their evidence, as JSON.")] = False,
) -> None:
    """What a time step costs a neuron by scheme, spike placement, gradient and training, and which choice keeps it."""
    from ..advice import recommend
    from ..neuron import CubaLIF

    found = recommend(CubaLIF(tau_mem, tau_syn), dt, tolerance=tolerance, spikes=spikes, width=width)
    if as_json:
        say(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        say(found.listing() if everything else str(found))
