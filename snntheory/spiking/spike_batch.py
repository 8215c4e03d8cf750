"""Spikes of a batch of samples as three flat arrays: what the layers of an event-driven network hand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check


@dataclass(frozen=True)
class SpikeBatch:
    """Spikes of a group of neurons in a batch of samples.

    Sample ``k`` owns the entries ``starts[k]:starts[k + 1]`` of ``times`` and ``neurons``, sorted by time.

    Parameters
    ----------
    times : ndarray of float64, shape (n_spikes,)
        Seconds.
    neurons : ndarray of int64, shape (n_spikes,)
        Which neuron fired, from 0.
    starts : ndarray of int64, shape (batch + 1,)
    n_neurons : int

    Raises
    ------
    ValueError
        The arrays do not fit together, a time is negative, not finite or earlier than the one before it, or a neuron
        does not exist.
    """

    times: NDArray[np.float64]
    neurons: NDArray[np.int64]
    starts: NDArray[np.int64]
    n_neurons: int

    def __post_init__(self) -> None:
        size = _check.integer("n_neurons", self.n_neurons, minimum=0)
        times = _check.array("times", self.times, ndim=1, minimum=0.0)
        neurons, starts = (np.asarray(each) for each in (self.neurons, self.starts))
        for name, each in (("neurons", neurons), ("starts", starts)):
            if each.ndim != 1 or (each.size and each.dtype.kind not in "iu"):
                raise ValueError(
                    f"{name} must be a 1-D array of integers, got {each.dtype} of shape {each.shape}"
                )
        if neurons.shape != times.shape:
            raise ValueError(
                f"neurons has shape {neurons.shape}, times {times.shape}: give one neuron per spike"
            )
        if len(starts) < 1 or starts[0] != 0 or starts[-1] != len(times) or np.any(np.diff(starts) < 0):
            raise ValueError(
                f"starts must rise from 0 to the number of spikes, {len(times)}; got {starts.tolist()[:8]}..."
            )
        if neurons.size and not 0 <= neurons.min() <= neurons.max() < size:
            raise ValueError(
                f"neurons must lie between 0 and {size - 1}, got {neurons.min()} to {neurons.max()}"
            )
        backwards = np.flatnonzero(np.diff(times) < 0) + 1
        if backwards.size and (backwards := backwards[~np.isin(backwards, starts)]).size:
            k = int(backwards[0])
            raise ValueError(
                f"times must be sorted within each sample: times[{k}]={times[k]:g} comes after {times[k - 1]:g}"
            )
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "neurons", neurons.astype(np.int64, copy=False))
        object.__setattr__(self, "starts", starts.astype(np.int64, copy=False))
        object.__setattr__(self, "n_neurons", size)

    @classmethod
    def trusted(
        cls, times: NDArray[np.float64], neurons: NDArray[np.int64], starts: NDArray[np.int64], n_neurons: int
    ) -> SpikeBatch:
        """Without the checks: for arrays that this package has just made."""
        batch = object.__new__(cls)
        for name, value in zip(("times", "neurons", "starts"), (times, neurons, starts), strict=True):
            object.__setattr__(batch, name, value)
        object.__setattr__(batch, "n_neurons", n_neurons)
        return batch

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __repr__(self) -> str:
        return f"SpikeBatch({len(self)} samples, {self.n_neurons} neurons, {len(self.times)} spikes)"

    @classmethod
    def from_lists(cls, samples: Sequence[Sequence[ArrayLike]]) -> SpikeBatch:
        """From ``samples[sample][neuron]``, a sorted 1-D array of times each; spikes at one time go by neuron."""
        if not len(samples):
            raise ValueError("samples is empty; give at least one sample, a list of one array per neuron")
        n_neurons, times, neurons, starts = len(samples[0]), [], [], [0]
        for k, sample in enumerate(samples):
            if len(sample) != n_neurons:
                raise ValueError(
                    f"every sample must have as many neurons as the first, {n_neurons}; sample {k} has {len(sample)}"
                )
            trains = [
                sorted_times(f"times of neuron {j} in sample {k}", each) for j, each in enumerate(sample)
            ]
            flat = np.concatenate([*trains, np.empty(0)])
            which = np.repeat(np.arange(n_neurons), [len(each) for each in trains])
            order = np.argsort(flat, kind="stable")
            times.append(flat[order])
            neurons.append(which[order])
            starts.append(starts[-1] + len(flat))
        return cls(np.concatenate(times), np.concatenate(neurons), np.array(starts), n_neurons)

    def to_lists(self) -> list[list[NDArray[np.float64]]]:
        """``[sample][neuron]``: 1-D arrays of times."""
        result = []
        for first, last in zip(self.starts[:-1], self.starts[1:], strict=True):
            order = np.argsort(self.neurons[first:last], kind="stable")
            ends = np.cumsum(np.bincount(self.neurons[first:last], minlength=self.n_neurons))
            result.append(np.split(self.times[first:last][order], ends[:-1]) if self.n_neurons else [])
        return result

    def counts(self) -> NDArray[np.int64]:
        """Number of spikes, shape (batch, n_neurons)."""
        sample = np.repeat(np.arange(len(self)), np.diff(self.starts))
        flat = np.bincount(sample * self.n_neurons + self.neurons, minlength=len(self) * self.n_neurons)
        return flat.reshape(len(self), self.n_neurons)

    def padded(self) -> NDArray[np.float64]:
        """Times of shape (batch, n_neurons, most), filled up with NaN; ``most`` is the largest number of spikes."""
        counts = self.counts()
        result = np.full((*counts.shape, counts.max(initial=0)), np.nan)
        sample = np.repeat(np.arange(len(self)), np.diff(self.starts))
        group = sample * self.n_neurons + self.neurons
        order = np.argsort(group, kind="stable")
        before = np.cumsum(counts.ravel()) - counts.ravel()
        place = np.arange(len(order)) - before[group[order]]
        result[sample[order], self.neurons[order], place] = self.times[order]
        return result


def sorted_times(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """``value`` as a 1-D float64 array of times that are finite, not negative and sorted."""
    times = _check.array(name, value, ndim=1, minimum=0.0)
    backwards = np.flatnonzero(np.diff(times) < 0)
    if backwards.size:
        k = int(backwards[0]) + 1
        raise ValueError(
            f"{name} must be sorted: entry {k} is {times[k]:g} s, the one before it {times[k - 1]:g} s; "
            "sort times and weights together, order = numpy.argsort(times)"
        )
    return times
