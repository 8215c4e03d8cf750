"""Commands that use a trained network: evaluate and record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import _check
from .console import say, say_table
from .options import (
    Checkpoint,
    Dataset,
    Device,
    Images,
    Labels,
    Order,
    OtherArrivals,
    OtherDt,
    OtherScheme,
    Seed,
    described,
    inputs_and_labels,
    integers,
    labelled_images,
    trained_and_used,
)


def evaluate(
    checkpoint_file: Checkpoint,
    images: Images = None,
    labels: Labels = None,
    dataset: Dataset = None,
    dt: OtherDt = None,
    scheme: OtherScheme = None,
    order: Order = None,
    arrivals: OtherArrivals = None,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Test a checkpoint on the shipped test digits, or on images of your own."""
    from .. import training

    trained, encoder, loss = training.load_network(checkpoint_file)
    network, encoder = trained_and_used(trained, encoder, dt, scheme, order, arrivals)
    data = labelled_images("test", images, labels, dataset)
    given, classes, encoder = inputs_and_labels(data, encoder)
    result = training.evaluate(network, given, classes, encoder=encoder, loss=loss, seed=seed, device=device)
    rows = {"accuracy": f"{100 * result.accuracy:.2f} %", "loss": f"{result.loss:.4f}"}
    for layer, spikes in enumerate(result.spikes, 1):
        rows[f"spikes a sample, layer {layer}"] = f"{spikes:.1f}"
    rows["samples"] = str(result.n_samples)
    rows |= {"trained at": described(trained), "tested at": described(network)}
    say_table(rows)


def record(
    checkpoint_file: Checkpoint,
    traces_file: Annotated[Path, typer.Argument(metavar="TRACES", help="File to write: .nc, .npz or .pt.")],
    samples: Annotated[int, typer.Option(help="The first N images.")] = 16,
    layers: Annotated[
        str, typer.Option(help="Layers of neurons, comma separated; 1 is the first hidden one.")
    ] = "1",
    neurons: Annotated[
        int | None, typer.Option(help="The first N neurons of each layer; all by default.")
    ] = None,
    repeats: Annotated[
        int, typer.Option(help="Presentations of each image, each with its own random input.")
    ] = 1,
    window: Annotated[
        float | None, typer.Option(help="Length of a presentation in seconds; the trained one by default.")
    ] = None,
    memory_limit: Annotated[float, typer.Option(help="Largest recording in megabytes.")] = 1000.0,
    images: Images = None,
    labels: Labels = None,
    dataset: Dataset = None,
    dt: OtherDt = None,
    scheme: OtherScheme = None,
    order: Order = None,
    arrivals: OtherArrivals = None,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Present images to a trained network and save voltages, currents and spikes as traces."""
    from dataclasses import replace

    from .. import training
    from ..traces import save_traces

    trained, encoder, _ = training.load_network(checkpoint_file)
    network, encoder = trained_and_used(trained, encoder, dt, scheme, order, arrivals)
    if isinstance(network, training.EventNetwork):
        raise ValueError(
            "dt must be given: this network was trained without a time step, a recording needs one"
        )
    if window is not None:
        encoder = replace(encoder, window=window)
    data = labelled_images("test", images, labels, dataset)
    pixels, classes, encoder = inputs_and_labels(data, encoder)
    if _check.integer("samples", samples, minimum=1) > len(pixels):
        raise ValueError(f"samples must be at most {len(pixels)}, the images there are, got {samples}")
    traces = training.record(
        network,
        pixels[:samples],
        encoder=encoder,
        labels=classes[:samples],
        layers=integers("layers", layers),
        neurons=None if neurons is None else range(_check.integer("neurons", neurons, minimum=1)),
        repeats=repeats,
        seed=seed,
        device=device,
        memory_limit=memory_limit * 1e6,
    )
    save_traces(traces, traces_file)
    sizes = ", ".join(f"{size} {name}s" for name, size in traces["voltage"].sizes.items() if name != "time")
    say(f"wrote {traces_file}: {sizes}, {traces.sizes['time']} steps of {network.dt:g} s")
