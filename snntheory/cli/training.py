"""The command that trains a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from .console import say
from .options import (
    Dataset,
    Device,
    EncoderName,
    Images,
    Labels,
    LossName,
    Order,
    Reset,
    Seed,
    inputs_and_labels,
    integers,
    labelled_images,
    named_values,
    warn_of_missing_classes,
)


def train(
    out_file: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="File to write, for example model.pt.")
    ],
    dt: Annotated[float, typer.Option(help="Time step in seconds.")] = 0.002,
    window: Annotated[float, typer.Option(help="Length of one presentation in seconds.")] = 0.1,
    sizes: Annotated[
        str, typer.Option(help="Neurons of the input and every layer, comma separated.")
    ] = "784,400,10",
    scheme: Annotated[
        str,
        typer.Option(
            help="Discretisation: forward_euler, backward_euler, semi_implicit, exponential_euler, bilinear, "
            "impulse_invariance, scaled_impulse, delta, zoh, parker_sochacki."
        ),
    ] = "impulse_invariance",
    order: Order = None,
    tau_mem: Annotated[float, typer.Option(help="Membrane time constant in seconds.")] = 0.020,
    tau_syn: Annotated[float, typer.Option(help="Synaptic time constant in seconds.")] = 0.010,
    r: Annotated[float, typer.Option(help="Membrane resistance.")] = 1.0,
    v_threshold: Annotated[float, typer.Option(help="Threshold.")] = 1.0,
    v_reset: Annotated[float, typer.Option(help="Reset value, with --reset to_value.")] = 0.0,
    reset: Annotated[Reset, typer.Option(help="What a spike does to the voltage.")] = Reset.subtract,
    encoder: Annotated[
        EncoderName, typer.Option(help="Poisson: rate code. Latency: one spike, earlier the brighter.")
    ] = EncoderName.poisson,
    max_rate: Annotated[float, typer.Option(help="Poisson: rate of a white pixel in hertz.")] = 100.0,
    arrivals: Annotated[
        str, typer.Option(help="Poisson: bernoulli (at most one spike a step) or poisson (counts).")
    ] = "bernoulli",
    last: Annotated[
        float | None,
        typer.Option(help="Latency: time of the faintest spike in seconds; default half the window."),
    ] = None,
    loss: Annotated[LossName, typer.Option(help="What is learned.")] = LossName.count_cross_entropy,
    temperature: Annotated[
        float, typer.Option(help="count_cross_entropy: spikes per unit of log-odds.")
    ] = 5.0,
    gradient: Annotated[
        str,
        typer.Option(
            help="On a grid of time steps: surrogate, timing. Of spike times, in continuous time: adjoint, implicit, "
            "closed_form; with --dt: integrated, straight_through."
        ),
    ] = "surrogate",
    option: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option(
            metavar="NAME=VALUE", help="An option of the gradient, such as order=3; may be repeated."
        ),
    ] = None,
    max_spikes: Annotated[
        int, typer.Option(help="Spike times: room for the spikes of a neuron in a sample.")
    ] = 30,
    overflow: Annotated[
        str, typer.Option(help="Spike times: 'raise' or 'drop', what a neuron does that fires more often.")
    ] = "raise",
    gain: Annotated[
        float, typer.Option(help="Initial weights: standard deviation times root of the inputs.")
    ] = 1.0,
    surrogate: Annotated[
        str,
        typer.Option(
            help="Pseudo-derivative: sigmoid, fast_sigmoid, arctan, triangle, boxcar, straight_through."
        ),
    ] = "fast_sigmoid",
    width: Annotated[float, typer.Option(help="Width of the pseudo-derivative, in units of voltage.")] = 0.5,
    reset_gradient: Annotated[
        str, typer.Option(help="'kept' or 'detached': does the gradient flow through the reset?")
    ] = "kept",
    epochs: Annotated[int, typer.Option(help="Passes over the training images.")] = 30,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 128,
    learning_rate: Annotated[float, typer.Option(help="Adam's learning rate.")] = 2e-3,
    decay: Annotated[float, typer.Option(help="Factor on the learning rate after every epoch.")] = 0.95,
    seed: Seed = 0,
    device: Device = "cpu",
    resume: Annotated[bool, typer.Option(help="Go on from CHECKPOINT if it is there.")] = False,
    init_from: Annotated[
        Path | None,
        typer.Option(help="Start from the weights of another checkpoint (transfer to another dt or scheme)."),
    ] = None,
    images: Images = None,
    labels: Labels = None,
    dataset: Dataset = None,
) -> None:
    """Train a network on handwritten digits (or images of your own) and write a checkpoint.

    The shipped digits are split 8,000 / 2,000; test accuracy is printed after every epoch. Interrupt it at any
    time: --resume goes on from the last whole checkpoint, with the same result.

    On several GPUs or hosts: torchrun --nproc-per-node 4 -m snntheory train CHECKPOINT --device cuda; each process
    takes a part of every batch.
    """
    from .._trace_checks import warn_of_milliseconds
    from ..training import Network, checkpoint, datasets, fit, load_network
    from ..training.distributed import first_here
    from ..training.setup import Setup

    first = first_here()
    if first and out_file.exists() and not resume:
        raise ValueError(f"{out_file} exists; give --resume to go on with it, or another name")
    setup = Setup(
        gradient,
        dt,
        window,
        tuple(integers("sizes", sizes)),
        scheme,
        order,
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        r=r,
        v_threshold=v_threshold,
        v_reset=v_reset,
        reset=reset.value,
        encoder=encoder.value,
        max_rate=max_rate,
        arrivals=arrivals,
        last=last,
        loss=loss.value,
        temperature=temperature,
        surrogate=surrogate,
        width=width,
        reset_gradient=reset_gradient,
        max_spikes=max_spikes,
        overflow=overflow,
        options=named_values("option", option or []),
        gain=gain,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        decay=decay,
        seed=seed,
        device=device,
    )
    chosen_encoder = setup.make_encoder()
    warn_of_milliseconds(dt, {"tau_mem": tau_mem, "tau_syn": tau_syn})
    network = setup.network()
    if init_from is not None:
        before_it = load_network(init_from)[0]
        if isinstance(before_it, Network):
            before_it = before_it.variant(input="dirac")  # as areas of current, whatever its input
        network.set_weights(before_it.weights())
    data = labelled_images("train", images, labels, dataset)
    given, classes, used_encoder = inputs_and_labels(data, chosen_encoder, window)
    if first:
        warn_of_missing_classes(classes, network.sizes[-1])
    held_out: Any = None
    if images is None and not isinstance(data, datasets.EventSamples):
        held_out = labelled_images("test", None, None, dataset)
    before = len(checkpoint.load(out_file)["history"]) if first and resume and out_file.exists() else 0
    history = fit(
        network,
        given,
        classes,
        encoder=used_encoder,
        **setup.fit_options(),
        checkpoint=out_file,
        resume=resume,
        validation=held_out,
        progress=True,
    )
    if not first:  # of several processes the first one speaks
        return
    if history and "validation_accuracy" in history[-1]:
        say(f"test accuracy {100 * history[-1]['validation_accuracy']:.2f} %")
    elif held_out is None:
        say(
            f"no test images: see 'snntheory evaluate {out_file} --{'images' if dataset is None else 'dataset'} ...' "
            "for samples that it has not seen"
        )
    if before and before >= epochs:
        say(f"{out_file} has {before} epochs already, {epochs} were asked for: nothing was trained")
    else:
        say(f"wrote {out_file}")
