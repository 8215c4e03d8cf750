"""Options that several commands have, and how their text becomes values."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from ..training import EventNetwork, Network
    from ..training.datasets import EventSamples, Labelled
    from ..training.encoders import Encoder


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


Checkpoint = Annotated[
    Path, typer.Argument(metavar="CHECKPOINT", help="A file written by 'snntheory train'.")
]
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
Dataset = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        help="A data set by name instead, such as fashion-mnist or shd; 'snntheory datasets' lists them."
    ),
]
OtherDt = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option("--dt", help="Another time step than the trained one (seconds): weight transfer."),
]
OtherScheme = Annotated[Optional[str], typer.Option("--scheme", help="Another scheme than the trained one.")]  # noqa: UP045
Order = Annotated[Optional[int], typer.Option(help="Order of parker_sochacki.")]  # noqa: UP045
OtherArrivals = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--arrivals", help="Another input than the trained one: bernoulli or poisson."),
]
Device = Annotated[str, typer.Option(help="'cpu', 'cuda' or 'cuda:N'.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]


def integers(name: str, text: str) -> list[int]:
    """Integers separated by commas."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{name} must be integers separated by commas, got {text!r}") from None


def value_of(text: str) -> Any:
    """A value of a setting: a number, true, false, none or a list as JSON has them, or else the text."""
    if text.lower() == "none":
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def named_values(name: str, texts: list[str]) -> dict[str, Any]:
    """Values of texts such as ``order=3``."""
    strange = [each for each in texts if "=" not in each]
    if strange:
        raise ValueError(f"{name} must look like NAME=VALUE, got {strange[0]!r}")
    return {key: value_of(value) for key, _, value in (each.partition("=") for each in texts)}


def labelled_images(
    split: str, images: Path | None, labels: Path | None, dataset: str | None = None
) -> Labelled | EventSamples:
    """The user's images, those of a data set by name, or those of the shipped digits."""
    from ..training import datasets

    if dataset is not None:
        if images is not None or labels is not None:
            raise ValueError("--dataset and --images exclude each other: name the one or the other")
        return datasets.load(dataset, split)
    if images is not None:
        return datasets.load_images(images, labels)
    if labels is not None:
        raise ValueError("--labels needs --images: the shipped digits have labels of their own")
    return datasets.mnist_subset(split)


def inputs_and_labels(
    data: Labelled | EventSamples, encoder: Encoder, window: float | None = None
) -> tuple[Any, Any, Encoder]:
    """Images, labels and encoder; events are found by references and have an encoder of their own."""
    from ..training import Events
    from ..training.datasets import EventSamples

    if isinstance(data, EventSamples):
        width = getattr(encoder, "window", None) if window is None else window
        return data.references(), data.labels, Events(data, width or 0.3)
    if isinstance(encoder, Events):
        raise ValueError("the network was trained on events: name their data set with --dataset")
    return *data, encoder


def warn_of_missing_classes(labels: Any, n_classes: int) -> None:
    """A warning that names the classes without a sample."""
    missing = sorted(set(range(n_classes)) - set(labels.tolist()))
    if missing:
        shown = ", ".join(map(str, missing[:10])) + (" ..." if len(missing) > 10 else "")
        warnings.warn(
            f"no sample of class {shown}: the network has {n_classes} outputs, these stay untrained",
            stacklevel=2,
        )


def described(network: Network | EventNetwork) -> str:
    """Time step and scheme of a network."""
    if not hasattr(network, "dt"):
        return "spike times, without a time step"
    order = "" if network.order is None else f" of order {network.order}"
    return f"{network.dt:g} s, {network.scheme}{order}"


def trained_and_used(
    trained: Network | EventNetwork,
    encoder: Encoder,
    dt: float | None,
    scheme: str | None,
    order: int | None,
    arrivals: str | None,
) -> tuple[Network | EventNetwork, Encoder]:
    """Network and encoder with the settings that the user wants to be others than the trained ones."""
    from ..training import EventNetwork, Poisson

    if isinstance(trained, EventNetwork):
        if arrivals is not None:
            raise ValueError("--arrivals is of networks on a grid; this one takes spike times")
        if dt is None and (scheme is not None or order is not None):
            raise ValueError("scheme needs dt: this network was trained without a time step, name one")
        return trained if dt is None else trained.on_grid(dt, scheme or "impulse_invariance", order), encoder
    changes: dict[str, Any] = {} if dt is None else {"dt": dt}
    if scheme is not None or order is not None:
        changes |= {"scheme": scheme or trained.scheme, "order": order}
    if arrivals is not None:
        if not isinstance(encoder, Poisson):
            raise ValueError(
                f"--arrivals needs a network with Poisson input, this one has {type(encoder).__name__}"
            )
        encoder = replace(encoder, arrivals=arrivals)
    return trained.variant(**changes) if changes else trained, encoder
