"""Training with Adam, on a grid or in continuous time, and testing."""

from __future__ import annotations

import math
import os
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
from . import distributed, encoders, losses
from .event_network import EventNetwork
from .inputs import as_inputs, as_labelled, device_of, digest, inputs_of
from .network import Network
from .trial import trial

__all__ = ["AnyNetwork", "Evaluation", "as_inputs", "device_of", "evaluate", "fit", "generator", "inputs_of"]

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
    after_epoch: Callable[[dict[str, float]], None] | None = None,
) -> list[dict[str, float]]:
    """Train a network with Adam.

    A :class:`Network` is trained through its grid of time steps, with the gradient that it was made with; an
    :class:`EventNetwork` through its spike times. In processes that ``torchrun`` started, each takes its part of every
    batch, see :mod:`snntheory.training.distributed`; the first writes ``checkpoint``.

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
        ``"cpu"`` or ``"cuda"``; under torchrun the latter is a GPU for each process.
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
    after_epoch : callable, optional
        Called with the entry of the history, after every epoch and its checkpoint.

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
    ranks, target = distributed.join(device_of(device))
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
        "data": digest(inputs, classes),
    }
    # an encoder refuses a time step that is too long for it, a network a loss: here, before a checkpoint is written
    trial(network, encoder, loss, inputs, classes)
    network.to(target)
    distributed.same_everywhere(network.parameters(), ranks)
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    history: list[dict[str, float]] = []
    first_step, total_loss, total_right, total_silent, seconds = 0, 0.0, 0, 0, 0.0
    content = None
    if resume and checkpoint is not None:
        mine = checkpoints.content(checkpoint) if ranks.first and Path(checkpoint).exists() else None
        content = distributed.bytes_of_the_first(mine, ranks, target)
    if content is not None and checkpoint is not None:
        state = checkpoints.parse(content, checkpoint)
        checkpoints.check_same(checkpoint, state, identity)
        network.load_state_dict(state["weights"])
        optimiser.load_state_dict(state["optimiser"])
        history, first_step = state["history"], state["step"]
        total_loss, total_right, seconds = state["loss_sum"], state["right"], state["seconds"]
        total_silent = state["silent"]

    def save(step: int) -> None:
        if checkpoint is not None and ranks.first:
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
    bar = _progress(progress and ranks.first)
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
                part = ranks.part(len(chosen))
                batch, goal = inputs[chosen].to(target), classes[chosen][part].to(target)
                sums = [0.0, 0.0, 0.0]
                optimiser.zero_grad()
                if len(goal):
                    drawn = generator(target, seed, _ENCODE, epoch, step)
                    given = distributed.encode(network, encoder, batch, drawn, part)
                    judged = network.judge(loss, given, goal)
                    if (
                        judged.value.requires_grad
                    ):  # not where every output is silent and silence has no gradient
                        judged.value.backward()
                    silent = int((network.counts(judged.layers[-1]) == 0).sum())
                    sums = [judged.value.item() * len(goal), int((judged.decided == goal).sum()), silent]
                if ranks.size > 1:
                    distributed.join_gradients(network, len(goal) / len(chosen), ranks)
                    sums = distributed.summed(sums, ranks, target)
                value = sums[0] / len(chosen)
                # spikes hide a voltage that overflowed: the loss may stay finite when the gradient does not
                if not (math.isfinite(value) and _gradient_is_finite(network)):
                    raise FloatingPointError(
                        f"the loss ({value:g}) or its gradient is not finite in epoch {epoch}, "
                        f"step {step + 1}; try a smaller learning_rate than {learning_rate:g}"
                        + (f" or a smaller dt than {network.dt:g} s" if isinstance(network, Network) else "")
                    )
                optimiser.step()
                total_loss += sums[0]
                total_right += int(sums[1])
                total_silent += int(sums[2])
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
                result = _evaluate(network, *validation, encoder, loss, 250, seed, target, ranks)
                entry |= {"validation_loss": result.loss, "validation_accuracy": result.accuracy}
            history.append(entry)
            first_step, total_loss, total_right, total_silent, seconds = 0, 0.0, 0, 0, 0.0
            save(0)
            last_save = time.monotonic()
            if bar is not None:
                bar.console.print(_line(entry))
            if after_epoch is not None:
                after_epoch(entry)
    return history


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
    return _evaluate(
        network, images, labels, encoder, loss, batch_size, seed, device_of(device), distributed.ALONE
    )


@torch.no_grad()
def _evaluate(
    network: AnyNetwork,
    images: Any,
    labels: Any,
    encoder: encoders.Encoder,
    loss: losses.Loss,
    batch_size: int,
    seed: int,
    target: torch.device,
    ranks: distributed.Ranks,
) -> Evaluation:
    """As :func:`evaluate`; each of the processes takes every ``ranks.size``-th batch."""
    network.to(target)
    encoders.settings(encoder), losses.settings(loss)  # refuse what is neither
    inputs, classes = as_labelled(network, images, labels, encoder)
    batch_size = _check.integer("batch_size", batch_size, minimum=1)
    seed = _check.integer("seed", seed, minimum=0)
    right, total_loss = 0, 0.0
    spike_sums, silent = np.zeros((2, network.n_layers))
    for step, first in enumerate(range(0, len(inputs), batch_size)):
        if step % ranks.size != ranks.rank:
            continue
        batch, goal = (x[first : first + batch_size].to(target) for x in (inputs, classes))
        given = network.encode(encoder, batch, generator(target, seed, _EVALUATE, step))
        judged = network.judge(loss, given, goal)
        right += int((judged.decided == goal).sum())
        total_loss += judged.value.item() * len(batch)
        counts = [network.counts(layer) for layer in judged.layers]
        spike_sums += [each.sum(dtype=torch.float64).item() for each in counts]
        silent += [(each == 0).sum(dtype=torch.float64).item() for each in counts]
    n = len(inputs)
    if ranks.size > 1:
        joint = distributed.summed([right, total_loss, *spike_sums, *silent], ranks, target)
        right, total_loss = int(joint[0]), joint[1]
        spike_sums, silent = np.array(joint[2:]).reshape(2, -1)
    shares = silent / n / np.array(network.sizes[1:])
    return Evaluation(right / n, total_loss / n, tuple((spike_sums / n).tolist()), n, tuple(shares.tolist()))


def _gradient_is_finite(network: AnyNetwork) -> bool:
    return all(
        math.isfinite(each.grad.sum().item()) for each in network.parameters() if each.grad is not None
    )


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
