"""The command line: train, evaluate, record, analyse, experiment, artefacts."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from . import _check
from ._version import __version__

app = typer.Typer(
    name="snntheory",
    help="What a time step does to a spiking neural network: train one, record it, analyse any recording.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
out, err = Console(), Console(stderr=True)


class Reset(StrEnum):
    subtract = "subtract"
    to_value = "to_value"
    none = "none"


class EncoderName(StrEnum):
    poisson = "poisson"
    latency = "latency"


class LossName(StrEnum):
    spike_count = "spike_count"
    count_cross_entropy = "count_cross_entropy"
    first_spike = "first_spike"


Images = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads the annotation at run time
    typer.Option(
        help="Images: an IDX file (.gz or not), .npy, or .npz with 'images' and 'labels'. Default: the shipped digits."
    ),
]
Labels = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="Labels belonging to --images: IDX or .npy; not needed for .npz."),
]
Device = Annotated[str, typer.Option(help="'cpu', 'cuda' or 'cuda:N'.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]


def _say(text: str) -> None:
    """A line as it is: no markup read into brackets, no break in a long path."""
    out.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _version(show: bool) -> None:
    if show:
        _say(f"snntheory {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
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
            help="Discretisation: forward_euler, backward_euler, bilinear, impulse_invariance, zoh, parker_sochacki."
        ),
    ] = "impulse_invariance",
    order: Annotated[Optional[int], typer.Option(help="Order of parker_sochacki.")] = None,  # noqa: UP045
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
) -> None:
    """Train a network on handwritten digits (or images of your own) and write a checkpoint.

    The shipped digits are split 8,000 / 2,000; test accuracy is printed after every epoch. Interrupt it at any
    time: --resume goes on from the last whole checkpoint, with the same result.
    """
    from .neuron import CubaLIF
    from .training import Latency, Network, Poisson, checkpoint, datasets, fit, load_network
    from .training.losses import LOSSES, CountCrossEntropy

    if out_file.exists() and not resume:
        raise ValueError(f"{out_file} exists; give --resume to go on with it, or another name")
    chosen_loss = (
        CountCrossEntropy(temperature) if loss.value == "count_cross_entropy" else LOSSES[loss.value]()
    )
    chosen_encoder = (
        Poisson(window, max_rate, arrivals)
        if encoder.value == "poisson"
        else Latency(window, window / 2 if last is None else last)
    )
    network = Network(
        _sizes(sizes),
        CubaLIF(tau_mem, tau_syn, r, v_threshold, v_reset, reset.value),
        dt,
        scheme,
        order,
        surrogate=surrogate,
        width=width,
        reset_gradient=reset_gradient,
        seed=seed,
    )
    if init_from is not None:
        # as areas of current, whatever the input of the network that they come from
        network.set_weights(load_network(init_from)[0].variant(input="dirac").weights())
    if images is None:
        data, held_out = datasets.mnist_subset("train"), datasets.mnist_subset("test")
    else:
        data, held_out = datasets.load_images(images, labels), None
    fit(
        network,
        *data,
        encoder=chosen_encoder,
        loss=chosen_loss,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        decay=decay,
        seed=seed,
        device=device,
        checkpoint=out_file,
        resume=resume,
        validation=held_out,
        progress=True,
    )
    history = checkpoint.load(out_file)["history"]
    if history and "validation_accuracy" in history[-1]:
        _say(f"test accuracy {100 * history[-1]['validation_accuracy']:.2f} %")
    _say(f"wrote {out_file}")


@app.command()
def evaluate(
    checkpoint_file: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A file written by 'snntheory train'.")
    ],
    images: Images = None,
    labels: Labels = None,
    dt: Annotated[
        float | None, typer.Option(help="Test with another time step (seconds): weight transfer.")
    ] = None,
    scheme: Annotated[Optional[str], typer.Option(help="Test with another scheme.")] = None,  # noqa: UP045
    order: Annotated[Optional[int], typer.Option(help="Order of parker_sochacki.")] = None,  # noqa: UP045
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Test a checkpoint on the shipped test digits, or on images of your own."""
    from . import training

    network, encoder, loss = training.load_network(checkpoint_file)
    changes: dict[str, Any] = {} if dt is None else {"dt": dt}
    if scheme is not None or order is not None:
        changes |= {"scheme": scheme or network.scheme, "order": order}
    if changes:
        network = network.variant(**changes)
    data = (
        training.datasets.mnist_subset("test")
        if images is None
        else training.datasets.load_images(images, labels)
    )
    result = training.evaluate(network, *data, encoder=encoder, loss=loss, seed=seed, device=device)
    table = Table("quantity", "value")
    table.add_row("accuracy", f"{100 * result.accuracy:.2f} %")
    table.add_row("loss", f"{result.loss:.4f}")
    for layer, spikes in enumerate(result.spikes, 1):
        table.add_row(f"spikes a sample, layer {layer}", f"{spikes:.1f}")
    table.add_row("samples", str(result.n_samples))
    table.add_row("time step", f"{network.dt:g} s, {network.scheme}")
    out.print(table)


@app.command()
def record(
    checkpoint_file: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A file written by 'snntheory train'.")
    ],
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
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Present images to a trained network and save voltages, currents and spikes as traces."""
    from dataclasses import replace

    from . import training
    from .traces import save_traces

    network, encoder, _ = training.load_network(checkpoint_file)
    if window is not None:
        encoder = replace(encoder, window=window)
    pixels, classes = (
        training.datasets.mnist_subset("test")
        if images is None
        else training.datasets.load_images(images, labels)
    )
    samples = _check.integer("samples", samples, minimum=1)
    traces = training.record(
        network,
        pixels[:samples],
        encoder=encoder,
        labels=classes[:samples],
        layers=_integers("layers", layers),
        neurons=None if neurons is None else range(_check.integer("neurons", neurons, minimum=1)),
        repeats=repeats,
        seed=seed,
        device=device,
        memory_limit=memory_limit * 1e6,
    )
    save_traces(traces, traces_file)
    sizes = ", ".join(f"{size} {name}s" for name, size in traces["voltage"].sizes.items() if name != "time")
    _say(f"wrote {traces_file}: {sizes}, {traces.sizes['time']} steps of {network.dt:g} s")


@app.command()
def analyse(
    traces_file: Annotated[
        Path,
        typer.Argument(metavar="TRACES", help="A recording: .nc, .npz, .npy, .csv or .pt, from anywhere."),
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for figures and numbers; default: TRACES without its ending."),
    ] = None,
    dims: Annotated[
        str | None,
        typer.Option(
            help="Axes of the array, for example time,trial,neuron; needed where the file does not say."
        ),
    ] = None,
    dt: Annotated[
        float | None, typer.Option(help="Time step in seconds; needed where the file does not say.")
    ] = None,
    variable: Annotated[
        str | None, typer.Option(help="Name of the array in an .npz or .pt with several.")
    ] = None,
    skip: Annotated[float, typer.Option(help="Seconds to leave out at the start (onset).")] = 0.0,
    method: Annotated[str, typer.Option(help="Spectral estimate: welch or multitaper.")] = "welch",
    neuron: Annotated[int, typer.Option(help="Which neuron's scalogram is drawn.")] = 0,
    trial: Annotated[int, typer.Option(help="Which trial's scalogram is drawn.")] = 0,
) -> None:
    """Power spectrum and wavelet scalogram of voltage traces, yours or recorded here.

    Writes psd.png, scalogram.png and psd.nc (the mean spectrum of every neuron) to a folder.
    """
    from ._trace_report import write_report
    from .traces import load_traces

    axes = None if dims is None else tuple(part.strip() for part in dims.split(","))
    traces = load_traces(traces_file, axes, dt, variable=variable)
    target = traces_file.with_suffix("") if folder is None else folder
    summary = write_report(traces, target, method, skip, trial, neuron)
    table = Table("quantity", "value")
    for quantity, text in summary.items():
        table.add_row(quantity, escape(text))
    out.print(table)
    _say(f"wrote psd.png, scalogram.png and psd.nc to {target}")


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="Which experiment: time-step-spectra.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="A miniature of seconds, to see that it runs.")
    ] = False,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the artefacts.")] = Path("results"),
) -> None:
    """Run an experiment of a source document and write its artefacts; a killed run goes on where it was."""
    from . import experiments

    _check.choice("name", name, experiments.NAMES)
    from .experiments import time_step_spectra

    settings = time_step_spectra.Settings()
    if quick:
        settings = settings.quick()
    folder.mkdir(parents=True, exist_ok=True)
    command = f"snntheory experiment {name}" + (" --quick" if quick else "")
    state = folder / ("state-quick" if quick else "state")
    time_step_spectra.run(settings, folder, state, command, report=_say, progress=True)


@app.command("artefacts")
def list_artefacts(
    folder: Annotated[
        Path | None, typer.Option(help="Folder of artefacts; default: those that ship with the package.")
    ] = None,
) -> None:
    """List recorded results, verify their digests and show where they come from."""
    from . import artefacts

    where = artefacts.FOLDER if folder is None else folder
    found = artefacts.names(where)
    if not found:
        raise ValueError(f"there are no artefacts in {where}")
    for name in found:
        artefacts.load(name, where)
        _say(artefacts.one_line(name, where))


def _sizes(text: str) -> list[int]:
    return _integers("sizes", text)


def _integers(name: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{name} must be integers separated by commas, got {text!r}") from None


def main() -> None:
    """Entry point: an error of the user's is one line on stderr and exit code 2."""
    try:
        app()
    except (ValueError, TypeError, OSError, FloatingPointError, ImportError) as error:
        err.print(f"[red]Error:[/red] {_plain(error)}", highlight=False, emoji=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        err.print("interrupted", highlight=False)
        sys.exit(130)


def _plain(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, OSError) and error.filename and str(error.filename) not in text:
        text = f"{error.filename}: {text}"
    return escape(text)
