"""Sizes that a file declares, refused before any memory is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

HARMLESS = 2**30  # bytes; smaller arrays are never suspected
RATIO = 1100  # deflate cannot shrink zeros more than 1032 times


class TooLarge(ValueError):
    """An array that a file declares and that is not read."""


def check_size(path: Path, name: str, n_bytes: int, stored: int, *, lazy: bool = False) -> None:
    """Refuse an array that cannot be what it says it is, or that does not fit into memory.

    Parameters
    ----------
    path : Path
    name : str
        Of the array in the file.
    n_bytes, stored : int, bytes
        What the array takes in memory, and what its file takes on disk.
    lazy : bool
        The array is read piece by piece and need not fit into memory.

    Raises
    ------
    TooLarge, a ValueError
        If the array has more than 1 GiB and its file less than the 1100th part of that, or if it is larger
        than the memory that is free.
    """
    if n_bytes > HARMLESS and n_bytes > RATIO * stored:
        raise TooLarge(
            f"{path}: {name} declares {_size(n_bytes)} in a file of {_size(stored)}: the file is damaged or made to "
            "exhaust the memory; export it again, a part at a time"
        )
    free = available_memory()
    if not lazy and n_bytes > free:
        raise TooLarge(
            f"{path}: {name} holds {_size(n_bytes)} and {_size(free)} of memory are free; read it piece by piece "
            "with load_traces(path, chunks='auto'), which .nc, .h5, .zarr and .npy files allow"
        )


def nbytes(shape: Iterable[int], itemsize: int) -> int:
    """Bytes of an array, in Python's integers, which do not overflow."""
    total = itemsize
    for length in shape:
        total *= int(length)
    return total


def available_memory() -> float:
    """Bytes of memory that this process can still get (infinite where the system does not say)."""
    found = [float("inf")]
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            found += [1024.0 * int(line.split()[1]) for line in stream if line.startswith("MemAvailable:")]
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as stream:
            found += [float(stream.read())]
    except (OSError, ValueError):  # another system, or no limit ("max")
        pass
    if len(found) == 1:
        try:
            found += [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
        except (AttributeError, OSError, ValueError):
            pass
    return min(found)


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} PB"
