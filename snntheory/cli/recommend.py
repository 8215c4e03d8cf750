"""The command that says what a time step costs."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from .console import say
from .options import named_values


def recommend(
    context: typer.Context,
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
    framework: Annotated[
        str | None, typer.Option(help="In place of time constants: a framework, such as snntorch.Synaptic.")
    ] = None,
    values: Annotated[
        str, typer.Option("--set", help="Its own parameters, such as alpha=0.9,beta=0.95.")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Every choice, not only the best of each part, and a legend.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All numbers and their evidence, as JSON.")] = False,
) -> None:
    """What a time step costs a neuron by scheme, spike placement, gradient and training, and which choice keeps it.

    For example: snntheory recommend --tau-mem 0.020 --tau-syn 0.010 --dt 0.004 --spikes 15 --width 0.1
    """
    from ..advice import recommend
    from ..neuron import CubaLIF

    options: dict[str, Any] = {"tolerance": tolerance, "spikes": spikes, "width": width}
    if framework is None:
        if values:
            raise ValueError("--set needs --framework: name the framework whose parameters these are")
        found = recommend(CubaLIF(tau_mem, tau_syn), dt, **options)
    else:
        from ..advice import recommend_framework

        given = (context.get_parameter_source(name) for name in ("tau_mem", "tau_syn"))
        if any(each is not None and each.name == "COMMANDLINE" for each in given):
            raise ValueError("--framework and time constants exclude each other: they follow from --set")
        typed = named_values("--set", [each.strip() for each in values.split(",") if each.strip()])
        found = recommend_framework(framework, typed, dt, **options)
    if as_json:
        say(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        say(found.listing() if everything else str(found))
