"""Training with Adam, on a grid or in continuous time, and testing."""

from __future__ import annotations

import hashlib
import math
import os
import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .. import _check
from . import checkpoint as checkpoints
from . import encoders, losses
from .event_network import EventNetwork
from .network import Network

AnyNetwork = Network | EventNetwork

_SHUFFLE, _ENCODE, _EVALUATE = 1, 2, 3


@dataclass(frozen=True)
class Evaluation:
    """What a network does on labelled images; spikes are means per sample, one number a layer."""

    accuracy: float
    loss: float
    spikes: tuple[float, ...]
    n_samples: int
    silent: tuple[float, ...] = ()
    """Share of the neurons of each layer that do not fire in a sample, its mean over the samples."""


def generator(device: torch.device, *key: int) -> torch.Generator:
    """A random generator of its own for every purpose: the same key gives the same numbers on one device."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator(device=device).manual_seed(int(state) >> 1)


def as_inputs(images: Any) -> torch.Tensor:
    """Images as intensities in [0, 1], shape (n, n_inputs), float32: bytes are divided by 255.

    Raises
    ------
    ValueError, TypeError
        Fewer than two dimensions, no samples, values outside [0, 1], NaN.
    """
    array = np.asarray(images)
    if array.ndim < 2 or not len(array):
        raise ValueError(f"images must have shape (n, ...) with n at least 1, got {array.shape}")
    flat = array.reshape(len(array), -1)
    if flat.dtype == np.uint8:
        return torch.from_numpy(flat.astype(np.float32) / np.float32(255))
    checked = _check.array("images", flat)
    if checked.min() < 0 or checked.max() > 1:
        raise ValueError(f"images must lie in [0, 1], got values from {checked.min():g} to {checked.max():g}")
    return torch.from_numpy(checked.astype(np.float32))


def as_labels(labels: Any, n: int, n_classes: int) -> torch.Tensor:
    """Labels as int64, shape (n,), each below ``n_classes``."""
    array = np.asarray(labels)
    if array.shape != (n,) or array.dtype.kind not in "iu":
        raise ValueError(f"labels must be {n} integers, one for each image, got {array.dtype} {array.shape}")
    if array.min() < 0 or array.max() >= n_classes:
        raise ValueError(f"labels must lie in 0 .. {n_classes - 1}, got {array.min()} .. {array.max()}")
    return torch.from_numpy(array.astype(np.int64))


def inputs_of(network: AnyNetwork, images: Any, encoder: encoders.Encoder) -> torch.Tensor:
    """Inputs that fit the network after the encoder has added its own, by :func:`as_inputs`."""
    inputs = as_inputs(images)
    expected = network.sizes[0] - encoder.extra_inputs
    if inputs.shape[1] != expected:
        beside = f", beside {encoder.extra_inputs} of the encoder" if encoder.extra_inputs else ""
        raise ValueError(
            f"images must have {expected} values each, as the network{beside}, got {inputs.shape[1]}"
        )
    return inputs


def as_labelled(
    network: AnyNetwork, images: Any, labels: Any, encoder: encoders.Encoder
) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and classes that fit the network, by :func:`inputs_of` and :func:`as_labels`."""
    inputs = inputs_of(network, images, encoder)
    return inputs, as_labels(labels, len(inputs), network.sizes[-1])


def device_of(device: str) -> torch.device:
    """The torch device of a name such as ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ValueError
        The name is another one, or the device is not there.
    """
    if not re.fullmatch(r"cpu|cuda(:\d+)?", str(device)):
        raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:N', got {device!r}")
    found = torch.device(device)
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device {device!r} is not available: torch {torch.__version__} sees no GPU; use 'cpu'"
        )
    return found


def fit(
    network: AnyNetwork,
    images: Any,
    labels: Any,
    *,
    encoder: encoders.Encoder,
    loss: losses.Loss,
    epochs: int = 10,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    decay: float = 1.0,
    seed: int = 0,
    device: str = "cpu",
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float = 60.0,
    resume: bool = False,
    validation: tuple[Any, Any] | None = None,
    progress: bool = False,
    after_step: Callable[[int, int], None] | None = None,
) -> list[dict[str, float]]:
    """Train a network with Adam.

    A :class:`Network` is trained through its grid of time steps, with the gradient that it was made with; an
    :class:`EventNetwork` through its spike times.

    Parameters
    ----------
    network : Network or EventNetwork
        Trained in place and left on ``device``.
    images : array_like, shape (n, ...), uint8 or floats in [0, 1]
    labels : array_like of int, shape (n,)
    encoder : Poisson or Latency
    loss : SpikeCount, CountCrossEntropy, FirstSpike, VanRossum, MaxVoltage or MeanVoltage
        The last two, of the output's voltage, with a :class:`Network`.
    epochs, batch_size : int
    learning_rate : float
        Adam's, for weights in the unit of :func:`snntheory.training.network.weight_unit`.
    decay : float
        Factor on the learning rate after every epoch, above 0.
    seed : int
        Seed of the order of the samples and of the encoder. On a CPU with one number of threads the same
        seed gives identical weights.
    device : str
        ``"cpu"`` or ``"cuda"``.
    checkpoint : path, optional
        Written atomically after every epoch and every ``checkpoint_every`` seconds.
    resume : bool
        Go on from ``checkpoint`` if it is there; on a CPU the result is bit-identical to a training that was
        not interrupted. ``epochs`` may be larger than before; everything else must be as it was.
    validation : (images, labels), optional
        Evaluated after every epoch.
    progress : bool
        Show a progress bar, with the mean loss of the epoch so far.
    after_step : callable, optional
        Called with (epoch, step), counted from 1, after every step and the checkpoint it may have caused.

    Returns
    -------
    list of dict
        One entry an epoch: ``epoch``, ``loss``, ``accuracy`` (of the training batches as they were seen),
        ``silent_outputs`` (share of the outputs that do not fire in a sample; they have no gradient in an
        :class:`EventNetwork`), ``seconds``, and with ``validation`` also ``validation_loss``, ``validation_accuracy``.

    Raises
    ------
    ValueError, TypeError
        Bad input, or a scheme that is unstable at this time step; each message names the argument.
    FloatingPointError
        The loss or a gradient is no longer finite; the last checkpoint is kept as it was.
    CheckpointError
        The checkpoint to resume from is damaged or belongs to another training.
    """
    target = device_of(device)
    network.refuse()
    encoders.settings(encoder)  # refuses what is no encoder
    inputs, classes = as_labelled(network, images, labels, encoder)
    n_samples = len(inputs)
    if validation is not None:
        as_labelled(
            network, *validation, encoder
        )  # an error in it is found before the first epoch, not after it
    epochs = _check.integer("epochs", epochs, minimum=0)
    batch_size = _check.integer("batch_size", batch_size, minimum=1)
    learning_rate = _check.positive("learning_rate", learning_rate)
    decay = _check.positive("decay", decay)
    seed = _check.integer("seed", seed, minimum=0)
    checkpoint_every = _check.positive("checkpoint_every", checkpoint_every, "s")
    if resume and checkpoint is None:
        raise ValueError("resume needs checkpoint: name the file to go on from")

    identity = {
        "network": network.settings(),
        "encoder": encoders.settings(encoder),
        "loss": losses.settings(loss),
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "decay": decay,
        "seed": seed,
        "data": _digest(inputs, classes),
    }
    # an encoder refuses a time step that is too long for it, a network a loss: here, before a checkpoint is written
    with torch.no_grad():
        trial = network.encode(encoder, inputs[:1], generator(torch.device("cpu"), seed))
        network.to("cpu").judge(loss, trial, classes[:1])
    network.to(target)
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    history: list[dict[str, float]] = []
    first_step, total_loss, total_right, total_silent, seconds = 0, 0.0, 0, 0, 0.0
    if resume and checkpoint is not None and Path(checkpoint).exists():
        state = checkpoints.load(checkpoint)
        checkpoints.check_same(checkpoint, state, identity)
        network.load_state_dict(state["weights"])
        optimiser.load_state_dict(state["optimiser"])
        history, first_step = state["history"], state["step"]
        total_loss, total_right, seconds = state["loss_sum"], state["right"], state["seconds"]
        total_silent = state["silent"]

    def save(step: int) -> None:
        if checkpoint is not None:
            checkpoints.save(
                checkpoint,
                identity
                | {
                    "weights": network.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "history": history,
                    "step": step,
                    "loss_sum": total_loss,
                    "right": total_right,
                    "silent": total_silent,
                    "seconds": seconds,
                },
            )

    n_batches = math.ceil(n_samples / batch_size)
    if not history and not first_step:
        save(0)  # an unwritable folder is found before the first epoch, not after it
    bar = _progress(progress)
    with bar or nullcontext():
        task = (
            bar.add_task("training", total=epochs * n_batches, completed=len(history) * n_batches)
            if bar
            else None
        )
        last_save = time.monotonic()
        for epoch in range(len(history) + 1, epochs + 1):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * decay ** (epoch - 1)
            order = torch.from_numpy(np.random.default_rng([seed, _SHUFFLE, epoch]).permutation(n_samples))
            for step in range(first_step, n_batches):
                started = time.monotonic()
                chosen = order[step * batch_size : (step + 1) * batch_size]
                batch, goal = inputs[chosen].to(target), classes[chosen].to(target)
                given = network.encode(encoder, batch, generator(target, seed, _ENCODE, epoch, step))
                judged = network.judge(loss, given, goal)
                value = judged.value
                optimiser.zero_grad()
                if value.requires_grad:  # not where every output is silent and silence has no gradient
                    value.backward()
                # spikes hide a voltage that overflowed: the loss may stay finite when the gradient does not
                if not (math.isfinite(value.item()) and _gradient_is_finite(network)):
                    raise FloatingPointError(
                        f"the loss ({value.item():g}) or its gradient is not finite in epoch {epoch}, "
                        f"step {step + 1}; try a smaller learning_rate than {learning_rate:g}"
                        + (f" or a smaller dt than {network.dt:g} s" if isinstance(network, Network) else "")
                    )
                optimiser.step()
                total_loss += value.item() * len(chosen)
                total_right += int((judged.decided == goal).sum())
                total_silent += int((network.counts(judged.layers[-1]) == 0).sum())
                seconds += time.monotonic() - started
                if bar is not None and task is not None:
                    mean = total_loss / min((step + 1) * batch_size, n_samples)
                    bar.update(task, advance=1, description=f"epoch {epoch}/{epochs}, mean loss {mean:.3f}")
                if step + 1 < n_batches and time.monotonic() - last_save > checkpoint_every:
                    save(step + 1)
                    last_save = time.monotonic()
                if after_step is not None:
                    after_step(epoch, step + 1)
            entry = {
                "epoch": float(epoch),
                "loss": total_loss / n_samples,
                "accuracy": total_right / n_samples,
                "silent_outputs": total_silent / (n_samples * network.sizes[-1]),
                "seconds": seconds,
            }
            if validation is not None:
                result = evaluate(network, *validation, encoder=encoder, loss=loss, seed=seed, device=device)
                entry |= {"validation_loss": result.loss, "validation_accuracy": result.accuracy}
            history.append(entry)
            first_step, total_loss, total_right, total_silent, seconds = 0, 0.0, 0, 0, 0.0
            save(0)
            last_save = time.monotonic()
            if bar is not None:
                bar.console.print(_line(entry))
    return history


@torch.no_grad()
def evaluate(
    network: AnyNetwork,
    images: Any,
    labels: Any,
    *,
    encoder: encoders.Encoder,
    loss: losses.Loss,
    batch_size: int = 250,
    seed: int = 0,
    device: str = "cpu",
) -> Evaluation:
    """Accuracy, loss and spike counts on labelled images.

    Parameters
    ----------
    network, images, labels, encoder, loss, device
        As for :func:`fit`.
    batch_size : int
        Samples at a time; with a random encoder it is part of what the seed means.
    seed : int
        Seed of the encoder.

    Returns
    -------
    Evaluation
        Fractions and means over the samples.

    Raises
    ------
    ValueError, TypeError
        Images, labels, encoder, loss or device do not fit, as in :func:`fit`; the encoder refuses this time step.
    """
    target = device_of(device)
    network.to(target)
    encoders.settings(encoder), losses.settings(loss)  # refuse what is neither
    inputs, classes = as_labelled(network, images, labels, encoder)
    batch_size = _check.integer("batch_size", batch_size, minimum=1)
    seed = _check.integer("seed", seed, minimum=0)
    right, total_loss = 0, 0.0
    spike_sums, silent = np.zeros((2, network.n_layers))
    for step, first in enumerate(range(0, len(inputs), batch_size)):
        batch, goal = (x[first : first + batch_size].to(target) for x in (inputs, classes))
        given = network.encode(encoder, batch, generator(target, seed, _EVALUATE, step))
        judged = network.judge(loss, given, goal)
        right += int((judged.decided == goal).sum())
        total_loss += judged.value.item() * len(batch)
        counts = [network.counts(layer) for layer in judged.layers]
        spike_sums += [each.sum(dtype=torch.float64).item() for each in counts]
        silent += [(each == 0).sum(dtype=torch.float64).item() for each in counts]
    n = len(inputs)
    shares = silent / n / np.array(network.sizes[1:])
    return Evaluation(right / n, total_loss / n, tuple((spike_sums / n).tolist()), n, tuple(shares.tolist()))


def _gradient_is_finite(network: AnyNetwork) -> bool:
    return all(
        math.isfinite(each.grad.sum().item()) for each in network.parameters() if each.grad is not None
    )


def _digest(inputs: torch.Tensor, classes: torch.Tensor) -> str:
    digest = hashlib.sha256(inputs.numpy().tobytes())
    digest.update(classes.numpy().tobytes())
    return digest.hexdigest()


def _progress(show: bool) -> Progress | None:
    if not show:
        return None
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )


def _line(entry: dict[str, float]) -> str:
    text = f"epoch {entry['epoch']:.0f}: loss {entry['loss']:.4f}, accuracy {100 * entry['accuracy']:.2f} %"
    if "validation_accuracy" in entry:
        text += f", test accuracy {100 * entry['validation_accuracy']:.2f} %"
    return f"{text}, {entry['seconds']:.1f} s"
