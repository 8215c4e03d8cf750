"""The networks, data and losses of the experiment on the order of integration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .. import _check
from ..neuron import CubaLIF
from ..training import EventNetwork, FirstSpike, Latency, SpikeCount, datasets
from ..training.initial import FanIn, Normal, Uniform

TASKS = ("digits", "thresholded", "fast digits", "yin-yang")
YIN_YANG_SECOND = 0.010
"""What the second of Lee et al. (2023) is here, in seconds; the network only knows ratios of times."""


@dataclass(frozen=True)
class Task:
    """An untrained network of exact spikes, its data and its loss."""

    network: EventNetwork
    encoder: Latency
    loss: SpikeCount | FirstSpike
    train: tuple[NDArray[Any], NDArray[np.int64]]
    test: tuple[NDArray[Any], NDArray[np.int64]]


def task_of(name: str, hidden: int, seed: int = 0) -> Task:
    """A task of :data:`TASKS` with its data and a network of so many hidden neurons."""
    _check.choice("name", name, TASKS)
    if name == "yin-yang":
        network = EventNetwork(
            (5, hidden, 3),
            CubaLIF(YIN_YANG_SECOND, YIN_YANG_SECOND / 0.999),
            4.0 * YIN_YANG_SECOND,
            initial=(Normal(1.5, 0.8), Normal(2.0, 0.3)),
            unit="jump",
            overflow="drop",
            seed=seed,
        )
        first, last, bias = (YIN_YANG_SECOND * each for each in (0.15, 2.0, 0.9))
        encoder = Latency(window=last, first=first, last=last, zero_is_silent=False, bias=(bias,))
        loss = FirstSpike(0.2 * YIN_YANG_SECOND, YIN_YANG_SECOND, 0.005)
        (x, y), (test_x, test_y) = (datasets.yin_yang(split) for split in ("train", "test"))
        return Task(network, encoder, loss, (1 - x, y), (1 - test_x, test_y))
    train, test = datasets.mnist_subset("train"), datasets.mnist_subset("test")
    if name == "fast digits":
        network = EventNetwork(
            (784, hidden, 10),
            CubaLIF(0.020, 0.010),
            0.1,
            initial=(FanIn(4.0), Normal(0.15, 0.2)),
            overflow="drop",
            seed=seed,
        )
        return Task(network, Latency(window=0.1, last=0.05), FirstSpike(0.001, 0.05, 5.0), train, test)
    layers = [CubaLIF(0.26, 0.13, r=0.26, v_threshold=threshold) for threshold in (0.2, 1.3)]
    # BATS draws all from (-1, 1); with fewer than its 800 hidden neurons many outputs would then be silent
    initial = (Uniform(), Uniform(-0.5, 1.0))
    network = EventNetwork(
        (784, hidden, 10), layers, 0.2, initial=initial, unit="jump", overflow="drop", seed=seed
    )
    if name == "thresholded":
        train, test = ((255 * (x > 127).astype(np.uint8), y) for x, y in (train, test))
    return Task(network, Latency(window=0.2, last=0.1), SpikeCount(15.0, 3.0), train, test)


def input_times(task: Task, n: int) -> NDArray[np.float64]:
    """Input spikes of the first test samples, shape (n, n_inputs, 1), filled up with infinity."""
    images = task.test[0][:n].reshape(n, -1)
    scaled = images / 255.0 if images.dtype == np.uint8 else images
    times: NDArray[np.float64] = task.encoder.times(torch.as_tensor(scaled, dtype=torch.float32)).numpy()
    return times
