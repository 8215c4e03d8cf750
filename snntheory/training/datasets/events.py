"""Labelled spike trains: times and addresses of events, sample by sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import _check

Times = NDArray[np.float64]
Addresses = NDArray[np.int64]
Reader = Callable[[int], tuple[Times, Addresses]]


class EventSamples:
    """Samples of events, each a list of times and of the inputs that fire, read when they are asked for.

    ``samples[k]`` is ``(times, addresses, label)`` of one sample; ``samples[:100]`` or ``samples[indices]`` are fewer
    samples.

    Parameters
    ----------
    read : callable
        Times in seconds and flat addresses of a sample, by its number.
    labels : array_like of int, shape (n,)
    shape : tuple of int
        Of the inputs, such as ``(2, 34, 34)``: polarity, row, column. An address counts through it in C order.
    source : str
        What the events are of; it stands for them in :meth:`digest`.
    """

    def __init__(
        self,
        read: Reader,
        labels: Any,
        shape: tuple[int, ...],
        source: str = "",
        chosen: NDArray[np.int64] | None = None,
    ) -> None:
        self._read = read
        self._all_labels = np.asarray(labels).astype(np.int64)
        self._chosen = np.arange(len(self._all_labels)) if chosen is None else chosen
        self.shape = tuple(shape)
        self.source = source

    @classmethod
    def from_lists(cls, events: Any, labels: Any, shape: tuple[int, ...]) -> EventSamples:
        """Samples of events of one's own.

        Parameters
        ----------
        events : sequence of (times, addresses)
            For each sample times in seconds, at least 0, and addresses below the product of ``shape``.
        labels : array_like of int, shape (n,)
        shape : tuple of int

        Raises
        ------
        ValueError
            The numbers of samples and labels, or of times and addresses differ, or a value is out of range.
        """
        classes = np.asarray(labels)
        if classes.ndim != 1 or classes.dtype.kind not in "iu" or len(classes) != len(events):
            raise ValueError(
                f"labels must be {len(events)} integers, one a sample, got {classes.dtype} {classes.shape}"
            )
        n_inputs = int(np.prod(shape))
        kept = [
            sorted_events(times, where, n_inputs, f"sample {k}") for k, (times, where) in enumerate(events)
        ]
        digest = hashlib.sha256()
        for times, addresses in kept:
            digest.update(times.tobytes() + addresses.tobytes())
        return cls(kept.__getitem__, classes, shape, digest.hexdigest())

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each sample, shape (n,)."""
        return self._all_labels[self._chosen]

    @property
    def n_inputs(self) -> int:
        """Number of addresses."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self._chosen)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, (int, np.integer)):
            k = int(self._chosen[which])
            return *self._read(k), int(self._all_labels[k])
        return EventSamples(self._read, self._all_labels, self.shape, self.source, self._chosen[which])

    def __repr__(self) -> str:
        return f"EventSamples({len(self)} samples, {self.n_inputs} inputs of shape {self.shape})"

    def digest(self) -> str:
        """SHA-256 that stands for the samples: of their source, labels and selection."""
        digest = hashlib.sha256(f"{self.source} {self.shape}".encode())
        digest.update(self._chosen.tobytes() + self.labels.tobytes())
        return digest.hexdigest()

    def references(self) -> NDArray[np.float32]:
        """One number a sample in place of an image, shape (n, 1): what the encoder ``Events`` finds the sample by.

        Exact for up to 2^24 samples.
        """
        return (self._chosen[:, None] * 2.0**-24).astype(np.float32)

    def of_references(self, references: Any) -> NDArray[np.int64]:
        """Places in these samples of some :meth:`references`.

        Raises
        ------
        ValueError
            They are not of these samples.
        """
        wanted = np.rint(np.asarray(references, np.float64).reshape(-1) * 2.0**24).astype(np.int64)
        order = np.argsort(self._chosen, kind="stable")
        place = np.minimum(np.searchsorted(self._chosen, wanted, sorter=order), len(order) - 1)
        found = order[place]
        if not np.array_equal(self._chosen[found], wanted):
            raise ValueError("images must be the references() of the samples that the encoder has")
        return found

    def counts(self, which: Any, dt: float, n_steps: int) -> NDArray[np.float32]:
        """Events in each step of a grid; step n ends at ``n dt`` and holds what comes after the one before it.

        Parameters
        ----------
        which : array_like of int
            Samples.
        dt : float
            Seconds.
        n_steps : int
            Later events are left out.

        Returns
        -------
        ndarray of float32, shape (n_steps, len(which), n_inputs)
        """
        which = np.asarray(which)
        dt, n_steps = _check.positive("dt", dt, "s"), _check.integer("n_steps", n_steps, minimum=1)
        counts = np.zeros((n_steps, len(which), self.n_inputs), np.float32)
        for place, k in enumerate(which):
            times, addresses, _ = self[int(k)]
            position = times / dt
            nearest = np.rint(position)
            # a time on the grid belongs to the step that it ends, whatever its rounding
            position = np.where(np.abs(position - nearest) < 1e-6, nearest, np.ceil(position))
            step = np.maximum(position, 1).astype(np.int64) - 1
            inside = step < n_steps
            np.add.at(counts, (step[inside], place, addresses[inside]), 1.0)
        return counts

    def padded_times(self, which: Any, t_max: float) -> Times:
        """Event times of each input, sorted, shape (len(which), n_inputs, most), padded with inf.

        Parameters
        ----------
        which : array_like of int
            Samples.
        t_max : float
            Seconds; later events are left out.
        """
        t_max = _check.positive("t_max", t_max, "s")
        parts = []
        for place, k in enumerate(np.asarray(which)):
            times, addresses, _ = self[int(k)]
            inside = times <= t_max
            parts.append((np.full(inside.sum(), place), addresses[inside], times[inside]))
        rows, columns, values = (np.concatenate(each) for each in zip(*parts, strict=True))
        line = rows * self.n_inputs + columns
        order = np.argsort(line, kind="stable")  # within a line the times stay sorted
        line, values = line[order], values[order]
        number = np.bincount(line, minlength=len(parts) * self.n_inputs)
        rank = np.arange(len(line)) - np.repeat(np.cumsum(number) - number, number)
        padded = np.full((len(number), max(1, int(number.max(initial=0)))), np.inf)
        padded[line, rank] = values
        return padded.reshape(len(parts), self.n_inputs, -1)


def sorted_events(times: Any, addresses: Any, n_inputs: int, name: str) -> tuple[Times, Addresses]:
    """Times and addresses of a sample, checked, in the order of time.

    Raises
    ------
    ValueError
        Their numbers differ, a time is negative or not finite, an address is out of range; ``name`` is in the message.
    """
    when = np.asarray(times, np.float64)
    where = np.asarray(addresses)
    if when.ndim != 1 or when.shape != where.shape:
        raise ValueError(f"{name} has {when.size} times and {where.size} addresses")
    if len(where) and where.dtype.kind not in "iu":
        raise ValueError(f"{name} has addresses of type {where.dtype}, not integers")
    where = where.astype(np.int64)
    if not (np.isfinite(when).all() and (when >= 0).all()):
        raise ValueError(f"{name} has a time that is negative or not finite")
    if len(where) and (where.min() < 0 or where.max() >= n_inputs):
        raise ValueError(f"{name} has an address outside 0 .. {n_inputs - 1}")
    order = np.argsort(when, kind="stable")
    return when[order], where[order]
