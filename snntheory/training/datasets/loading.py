"""Data sets by name."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import _check
from . import shipped
from .catalogue import ENTRIES, Entry
from .download import DatasetUnavailable, by_hand, digest_of, fetch_file, find, home, is_published
from .event_files import read_events
from .events import EventSamples
from .image_files import read_images
from .own_files import Labelled

_SHIPPED = {"mnist-subset": ("train", "test"), "yin-yang": shipped.SPLITS, "iris": ("train",)}


def names() -> tuple[str, ...]:
    """Names of all data sets: first those that ship with the package, then those that are fetched."""
    return (*_SHIPPED, *ENTRIES)


def load(
    name: str,
    split: str = "train",
    folder: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
) -> Labelled | EventSamples | Any:
    """A data set by its name, verified.

    Parameters
    ----------
    name : str
        One of :func:`names`: mnist-subset, yin-yang, iris, mnist, fashion-mnist, emnist-balanced, cifar-10, n-mnist,
        shd.
    split : {"train", "test"}
        Yin-Yang has also a "validation".
    folder : path, optional
        Where its files are, in ``folder/NAME`` or ``folder``; then nothing is downloaded. Default: the folder that
        ``SNNTHEORY_DATA`` names, or this user's cache.
    download : bool
        Fetch what is missing.

    Returns
    -------
    images : ndarray of uint8, shape (n, height, width), with colours (n, 3, height, width)
    labels : ndarray of int64, shape (n,)
        With n-mnist and shd instead of both one :class:`EventSamples`.

    Raises
    ------
    ValueError
        Unknown name or split; a file is truncated, damaged, of another form; numbers of samples or classes are not the
        published ones.
    DatasetUnavailable
        The files are not there and cannot be had; the message says which to put where.
    ModuleNotFoundError
        They are to be downloaded and pooch is not installed.

    Warns
    -----
    UserWarning
        A file has another digest than the published one, but the right form and numbers: it is used.
    """
    _check.choice("name", name, names())
    if name in _SHIPPED:
        _check.choice("split", split, _SHIPPED[name])
        if name == "iris":
            return shipped.iris()
        return shipped.mnist_subset(split) if name == "mnist-subset" else shipped.yin_yang(split)
    entry = ENTRIES[name]
    _check.choice("split", split, entry.counts)
    paths = _paths(entry, split, folder, download and folder is None)
    files = {file.name: file for file in entry.files[split]}
    strange = [path for path in paths if path.name in files and not is_published(path, files[path.name])]
    for path in strange:
        _not_of_another(path, entry)
    try:
        content = read_events(entry, split, paths[0]) if entry.of_events else read_images(entry, split, paths)
    except ValueError as error:
        remedy = (
            f"; remove it, or fetch it again: snntheory datasets fetch {name} --replace" if strange else ""
        )
        raise ValueError(f"{error}{remedy}") from None
    for path in strange:
        warnings.warn(
            f"{path} is not the published file (its {digest_of(path, 'sha256')}), but its form and numbers are "
            f"those of {entry.title}: it is used",
            stacklevel=2,
        )
    return content


def _not_of_another(path: Path, entry: Entry) -> None:
    for other in ENTRIES.values():
        if other is not entry and any(
            file.name == path.name and is_published(path, file) for file in other.all_files()
        ):
            raise ValueError(
                f"{path} is {other.title}'s, not {entry.title}'s: keep each in a folder of its name"
            )


@dataclass(frozen=True)
class Status:
    """What is on disk of a data set, and what is known of it."""

    entry: Entry
    folder: Path | None
    files: tuple[str, ...]
    """For each file "published", "other bytes", "unpacked", "partly here" or "missing"."""


def status(name: str, folder: str | os.PathLike[str] | None = None) -> Status:
    """Which files of a data set are on disk, and whether they are the published ones; nothing is fetched."""
    entry = ENTRIES[_check.choice("name", name, ENTRIES)]
    where, states = None, []
    for file in entry.all_files():
        path = find(file, name, folder)
        if path is None:
            try:
                part = (home() if folder is None else Path(folder)) / name / (file.name + ".part")
                states.append("partly here" if part.exists() else "missing")
            except ModuleNotFoundError:
                states.append("missing")
            continue
        where = path.parent
        if path.name != file.name:
            states.append("unpacked")
        else:
            states.append("published" if is_published(path, file) else "other bytes")
    return Status(entry, where, tuple(states))


def _paths(entry: Entry, split: str, folder: str | os.PathLike[str] | None, download: bool) -> list[Path]:
    files = entry.files[split]
    paths = [find(file, entry.name, folder) for file in files]
    if entry.form == "emnist" and paths == [None]:
        paths = _unpacked_pair(entry, split, folder) or paths
    found = [path for path in paths if path is not None]
    if len(found) == len(paths):
        return found
    if not download:
        missing = ", ".join(file.name for file, path in zip(files, paths, strict=True) if path is None)
        base = home() if folder is None else Path(folder)
        raise DatasetUnavailable(
            f"{entry.title}: {missing} is not in {base / entry.name} nor in {base}; "
            f"run 'snntheory datasets fetch {entry.name}', or {by_hand(entry, base / entry.name)}"
        )
    base = home()
    return [
        fetch_file(file, entry, base, False, None) if path is None else path
        for file, path in zip(files, paths, strict=True)
    ]


def _unpacked_pair(
    entry: Entry, split: str, folder: str | os.PathLike[str] | None
) -> list[Path | None] | None:
    """EMNIST's images and labels, taken out of the archive by its user."""
    from .catalogue import File

    kinds = ("images-idx3", "labels-idx1")
    wanted = [File(f"emnist-balanced-{split}-{kind}-ubyte.gz", "", ()) for kind in kinds]
    pair: list[Path | None] = [find(file, entry.name, folder) for file in wanted]
    return None if None in pair else pair
