"""Spike trains of the published files: N-MNIST's archive of recordings, the HDF5 files of the Heidelberg digits."""

from __future__ import annotations

import gzip
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ... import _files
from .catalogue import Entry
from .events import Addresses, EventSamples, Times, sorted_events
from .image_files import DAMAGE, check_labels

_RECORDING = 5 * 200_000
"""Bytes of one recording of N-MNIST at most: ten times more than the longest."""
_HDF5 = 4 << 30
"""Bytes of an unpacked file of the Heidelberg digits at most."""
_OVERFLOW, _WRAP = 240, 1 << 13


def read_events(entry: Entry, split: str, path: Path) -> EventSamples:
    """The spike trains of one split; each is read from the file when it is asked for.

    Raises
    ------
    ValueError
        The file is truncated, damaged or of another form, or the numbers are not the published ones. What is wrong
        with one sample is said when that sample is read.
    """
    if entry.form == "n-mnist":
        recordings = _Recordings(path, entry)
        check_labels(entry, split, recordings.labels, path)
        return EventSamples(recordings, recordings.labels, entry.shape, entry.files[split][0].digest)
    digits = _Digits(_unpacked(path), entry)
    check_labels(entry, split, digits.labels, path)
    return EventSamples(digits, digits.labels, entry.shape, entry.files[split][0].digest)


def read_recording(raw: bytes, shape: tuple[int, ...], name: str) -> tuple[Times, Addresses]:
    """Events of one recording of N-MNIST.

    Five bytes an event: column, row, then 24 bits: polarity and 23 bits of microseconds. Row 240 marks that the clock
    of the sensor has wrapped around, 2^13 microseconds.

    Raises
    ------
    ValueError
        The number of bytes is no multiple of five, or an address is off the sensor.
    """
    if len(raw) % 5:
        raise ValueError(f"{name} is no sequence of events of 5 bytes: it has {len(raw)}")
    column, row, high, middle, low = np.frombuffer(raw, np.uint8).reshape(-1, 5).T.astype(np.int64)
    wrapped = row == _OVERFLOW
    microseconds = ((high & 127) << 16 | middle << 8 | low) + _WRAP * np.cumsum(wrapped)
    polarity, height, width = high >> 7, *shape[1:]
    real = ~wrapped
    if (row[real] >= height).any() or (column[real] >= width).any():
        raise ValueError(f"{name} has an event off the sensor of {height} x {width}")
    address = (polarity * height + row) * width + column
    return sorted_events(microseconds[real] * 1e-6, address[real], int(np.prod(shape)), name)


class _Handle:
    """A file that every process opens for itself, when it first reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: tuple[int, Any] | None = None

    def _opened(self) -> Any:
        if self._open is None or self._open[0] != os.getpid():
            self._open = (os.getpid(), self._new())
        return self._open[1]

    def _new(self) -> Any:
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}

    def close(self) -> None:
        if self._open is not None and self._open[0] == os.getpid():
            self._open[1].close()
        self._open = None

    def __del__(self) -> None:
        self.close()


class _Recordings(_Handle):
    """Recordings ``.../LABEL/NUMBER.bin`` of an archive, in the order of their numbers, which is that of MNIST."""

    def __init__(self, path: Path, entry: Entry) -> None:
        super().__init__(path)
        self.shape = entry.shape
        found = []
        for member in self._opened().infolist():
            place = re.search(r"(?:^|/)(\d)/(\d+)\.bin$", member.filename)
            if place and not member.filename.startswith("__MACOSX"):
                if member.file_size > _RECORDING:
                    raise ValueError(
                        f"{path}: {member.filename} has {member.file_size} bytes; no recording of N-MNIST is that long"
                    )
                found.append((int(place[2]), int(place[1]), member.filename))
        found.sort()
        self.names = [name for _, _, name in found]
        self.labels = np.array([label for _, label, _ in found], np.int64)

    def _new(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except DAMAGE as error:
            raise ValueError(f"{self.path} is truncated or no zip archive ({error})") from None

    def __call__(self, k: int) -> tuple[Times, Addresses]:
        name = f"{self.path}: {self.names[k]}"
        try:
            with self._opened().open(self.names[k]) as stream:
                raw = stream.read(_RECORDING)
        except DAMAGE as error:
            raise ValueError(f"{name} is damaged ({error})") from None
        return read_recording(raw, self.shape, name)


class _Digits(_Handle):
    """Samples ``spikes/times[k]``, ``spikes/units[k]``, ``labels[k]`` of an HDF5 file."""

    def __init__(self, path: Path, entry: Entry) -> None:
        super().__init__(path)
        import h5py

        self.n_inputs = int(np.prod(entry.shape))
        stored = self._opened()
        parts = {name: stored.get(name) for name in ("spikes/times", "spikes/units", "labels")}
        for name, part in parts.items():
            if not isinstance(part, h5py.Dataset) or part.ndim != 1:
                raise ValueError(f"{path} has no list {name!r}: it is no file of the Heidelberg digits")
            if name != "labels" and h5py.check_vlen_dtype(part.dtype) is None:
                raise ValueError(f"{path}: {name} must be lists of different lengths, it is {part.dtype}")
        lengths = {name: len(part) for name, part in parts.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"{path} has lists of different lengths: {lengths}")
        if parts["labels"].dtype.kind not in "iu":
            raise ValueError(f"{path}: labels must be integers, they are {parts['labels'].dtype}")
        self.labels = parts["labels"][()].astype(np.int64)

    def _new(self) -> Any:
        import h5py

        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise ValueError(f"{self.path} is truncated or no HDF5 file ({error})") from None

    def __call__(self, k: int) -> tuple[Times, Addresses]:
        stored = self._opened()
        name = f"{self.path}: sample {k}"
        try:
            times, units = stored["spikes/times"][k], stored["spikes/units"][k]
        except OSError as error:
            raise ValueError(f"{name} is damaged ({error})") from None
        return sorted_events(times, units, self.n_inputs, name)


def _unpacked(path: Path) -> Path:
    """The HDF5 file in a ``.gz``, unpacked beside it once."""
    if path.suffix != ".gz":
        return path
    target = path.with_suffix("")
    if target.exists() and target.stat().st_mtime >= path.stat().st_mtime:
        return target
    try:
        with (
            _files.replacing(target) as temporary,
            gzip.open(path) as packed,
            open(temporary, "wb") as stream,
        ):
            size = 0
            while part := packed.read(1 << 20):
                size += len(part)
                if size > _HDF5:
                    raise ValueError(
                        f"{path} unpacks to more than {_HDF5} bytes; no file of the digits is that long"
                    )
                stream.write(part)
    except DAMAGE as error:
        raise ValueError(f"{path} is truncated or no gzip file ({error})") from None
    return target
