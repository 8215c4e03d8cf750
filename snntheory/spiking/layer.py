"""One layer of neurons, event by event: what both backends are given, and the readable one."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..neuron import CubaLIF
from .crossing import crossing_time, factors
from .spike_batch import SpikeBatch


class LayerConstants(NamedTuple):
    """What the kernels know of a layer: voltages are relative to the one that a constant current would hold.

    ``drive`` is ``r i``, so a spike of weight ``w`` adds ``gain w`` to it. ``after`` is the voltage after a spike,
    NaN where nothing is reset.
    """

    tau_mem: float
    tau_syn: float
    gain: float
    threshold: float
    after: float
    voltage: float
    drive: float

    @classmethod
    def of(cls, neuron: CubaLIF, v0: float = 0.0, i0: float = 0.0, constant: float = 0.0) -> LayerConstants:
        """For a neuron that starts at ``(v0, i0)`` and receives the current ``constant`` besides its spikes."""
        rest = neuron.r * constant
        after = {"subtract": 0.0, "to_value": neuron.v_reset, "none": math.nan}[neuron.reset]
        return cls(
            neuron.tau_mem,
            neuron.tau_syn,
            neuron.r / neuron.tau_syn,
            neuron.v_threshold - rest,
            after - rest,
            v0 - rest,
            neuron.r * i0,
        )


HALF_UNIT = 1.2e-16
"""A crossing this share of its time after an input is written down as that input's time, and comes before it."""


class LimitError(Exception):
    """A neuron fired more than ``max_spikes`` times; carries the sample and the neuron."""

    def __init__(self, sample: int, neuron: int) -> None:
        super().__init__(sample, neuron)
        self.sample, self.neuron = sample, neuron


def one_neuron(
    events: list[tuple[float, float]], constants: LayerConstants, t_max: float, max_spikes: int
) -> list[float] | None:
    """Spike times of one neuron; ``events`` are (time, summed weight), sorted. None beyond ``max_spikes``.

    State and clock start anew at every event: no exponential ever grows, and the differences of times that are used
    are short ones.
    """
    tau_mem, tau_syn, gain, threshold, after, u, drive = constants
    resets = not math.isnan(after)
    armed = u < threshold
    now, spikes = 0.0, []
    for time, weight in [*events, (t_max, 0.0)]:
        rest, elapsed = time - now, 0.0
        while rest > 0:
            late = rest + HALF_UNIT * time
            s = crossing_time(u, drive, late, armed, threshold, tau_mem, tau_syn)
            if s == math.inf:
                break
            s = min(s, rest)
            drive *= factors(s, tau_mem, tau_syn)[1]
            u, armed = (after, True) if resets else (threshold, False)
            elapsed += s
            rest = max(time - now - elapsed, 0.0)
            spikes.append(min(now + elapsed, time))
            if len(spikes) > max_spikes:
                return None
        mem, syn, coupled = factors(rest, tau_mem, tau_syn)
        u, drive = u * mem + drive * coupled, drive * syn
        armed = armed or u < threshold
        drive += gain * weight
        now = time
    return spikes


def feed_forward(
    spikes: SpikeBatch, weights: NDArray[np.float64], constants: LayerConstants, t_max: float, max_spikes: int
) -> SpikeBatch:
    """The layer without recurrent connections: every neuron by itself.

    Raises
    ------
    LimitError
    """
    samples = []
    for k, (first, last) in enumerate(zip(spikes.starts[:-1], spikes.starts[1:], strict=True)):
        times, place = np.unique(spikes.times[first:last], return_inverse=True)
        summed = np.zeros((len(times), weights.shape[1]))
        np.add.at(summed, place, weights[spikes.neurons[first:last]])
        trains = []
        for j in range(weights.shape[1]):
            train = one_neuron(
                list(zip(times.tolist(), summed[:, j].tolist(), strict=True)), constants, t_max, max_spikes
            )
            if train is None:
                raise LimitError(k, j)
            trains.append(train)
        samples.append(trains)
    return SpikeBatch.from_lists(samples)


def recurrent(
    spikes: SpikeBatch,
    weights: NDArray[np.float64],
    among: NDArray[np.float64],
    constants: LayerConstants,
    t_max: float,
    max_spikes: int,
) -> SpikeBatch:
    """The layer with the weights ``among[from, to]`` between its own neurons, which act without delay.

    All neurons advance together to whatever comes first: the next input or the first crossing of any of them.

    Raises
    ------
    LimitError
    """
    tau_mem, tau_syn, gain, threshold, after, u_start, drive_start = constants
    resets = not math.isnan(after)
    n = len(among)
    samples = []
    for sample, (first, last) in enumerate(zip(spikes.starts[:-1], spikes.starts[1:], strict=True)):
        u, drive = np.full(n, u_start), np.full(n, drive_start)
        armed = u < threshold
        trains: list[list[float]] = [[] for _ in range(n)]
        now = 0.0
        ends = [*spikes.times[first:last].tolist(), t_max]
        kicks = [*weights[spikes.neurons[first:last]], np.zeros(n)]
        for time, kick in zip(ends, kicks, strict=True):
            elapsed = 0.0
            while True:
                rest = max(time - now - elapsed, 0.0)
                late = rest + HALF_UNIT * time
                waits = np.array(
                    [
                        crossing_time(u[j], drive[j], late, bool(armed[j]), threshold, tau_mem, tau_syn)
                        for j in range(n)
                    ]
                )
                waits[waits < math.inf] = np.minimum(waits[waits < math.inf], rest)
                step = waits.min(initial=rest)
                mem, syn, coupled = factors(float(step), tau_mem, tau_syn)
                u, drive = u * mem + drive * coupled, drive * syn
                armed |= u < threshold
                elapsed += step
                fired = np.flatnonzero(waits == step)
                if not fired.size:
                    break
                u[fired], armed[fired] = (after, True) if resets else (threshold, False)
                drive += gain * among[fired].sum(axis=0)
                for j in fired:
                    trains[j].append(min(now + elapsed, time))
                    if len(trains[j]) > max_spikes:
                        raise LimitError(sample, int(j))
            drive += gain * kick
            now = time
        samples.append(trains)
    return SpikeBatch.from_lists(samples)
