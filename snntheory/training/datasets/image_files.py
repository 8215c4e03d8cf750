"""Images of the published files: IDX pairs, EMNIST's archive of them, CIFAR-10's binary batches."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .catalogue import Entry
from .own_files import Labelled, load_images, read_at_most, read_idx

DAMAGE = (
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
    RuntimeError,  # a flag that says "encrypted" or a method that nobody knows
)
"""What readers of archives raise."""
_MEMBER = 1 << 26
"""Bytes of a batch or of any other member of CIFAR-10's archive: none is that large."""


def read_images(entry: Entry, split: str, paths: list[Path]) -> Labelled:
    """Images and labels of one split.

    Raises
    ------
    ValueError
        A file is truncated, damaged or of another form, the numbers or shapes are not the published ones, or a class is
        missing.
    """
    if entry.form == "idx" or len(paths) == 2:
        images, labels = load_images(paths[0], paths[1])
        if entry.form == "emnist":
            images = _upright(images)
    elif entry.form == "emnist":
        images, labels = _emnist(paths[0], split)
    else:
        images, labels = _cifar(paths[0], split)
    if images.shape[1:] != entry.shape:
        raise ValueError(
            f"{paths[0]} holds images of shape {images.shape[1:]}, {entry.title} has {entry.shape}"
        )
    if len(images) != len(labels):
        raise ValueError(f"{paths[0]} holds {len(images)} images and {len(labels)} labels")
    check_labels(entry, split, labels, paths[-1])
    return images, labels


def check_labels(entry: Entry, split: str, labels: NDArray[np.int64], path: Path) -> None:
    """That the labels are as many as published, in range, and that no class is missing.

    Raises
    ------
    ValueError
        They are not.
    """
    n = entry.counts[split]
    if len(labels) != n:
        raise ValueError(f"{path} holds {len(labels)} samples, {entry.title} has {n} to {_purpose(split)}")
    outside = labels[(labels < 0) | (labels >= entry.n_classes)]
    if len(outside):
        raise ValueError(
            f"{path} has a label {outside[0]}, {entry.title} has classes 0 .. {entry.n_classes - 1}"
        )
    missing = np.setdiff1d(np.arange(entry.n_classes), labels)
    if len(missing):
        raise ValueError(
            f"{path} has no sample of class {', '.join(map(str, missing))}: {entry.title} has {entry.n_classes} classes"
        )


def _purpose(split: str) -> str:
    return "train on" if split == "train" else "test on"


def _upright(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """EMNIST's images are stored column by column."""
    return np.ascontiguousarray(images.transpose(0, 2, 1))


def _emnist(path: Path, split: str) -> Labelled:
    with _opened(path), zipfile.ZipFile(path) as archive:

        def member(kind: str) -> NDArray[np.uint8]:
            wanted = f"emnist-balanced-{split}-{kind}-ubyte.gz"
            found = [each for each in archive.namelist() if Path(each).name == wanted]
            if not found:
                raise ValueError(f"{path} holds no {wanted}")
            with archive.open(found[0]) as packed, gzip.open(packed) as stream:
                return read_idx(stream, f"{path}: {wanted}")

        images, labels = member("images-idx3"), member("labels-idx1")
    if images.ndim != 3 or labels.ndim != 1:
        raise ValueError(f"{path} holds images of shape {images.shape} and labels of shape {labels.shape}")
    return _upright(images), labels.astype(np.int64)


def _cifar(path: Path, split: str) -> Labelled:
    wanted = [f"data_batch_{i}.bin" for i in range(1, 6)] if split == "train" else ["test_batch.bin"]
    record = 1 + 3 * 32 * 32
    batches: dict[str, NDArray[np.uint8]] = {}
    with _opened(path), gzip.open(path) as packed, tarfile.open(fileobj=packed) as archive:
        for member in archive:
            if member.size > _MEMBER:
                raise ValueError(
                    f"{path} holds {member.name} of {member.size} bytes; no batch of CIFAR-10 is that long"
                )
            name = Path(member.name).name
            stream = archive.extractfile(member) if name in wanted and member.isfile() else None
            if stream is not None:
                raw = read_at_most(stream, _MEMBER)
                if not raw or len(raw) % record:
                    raise ValueError(
                        f"{path}: {name} is no sequence of records of {record} bytes, it has {len(raw)}"
                    )
                batches[name] = np.frombuffer(raw, np.uint8).reshape(-1, record)
        while packed.read(1 << 20):  # to the end: that is where the sum is checked
            pass
    missing = [name for name in wanted if name not in batches]
    if missing:
        raise ValueError(f"{path} holds no {', '.join(missing)}; is it the binary version?")
    rows = np.concatenate([batches[name] for name in wanted])
    return rows[:, 1:].reshape(-1, 3, 32, 32).copy(), rows[:, 0].astype(np.int64)


@contextmanager
def _opened(path: Path) -> Iterator[None]:
    """Damage that an archive's reader finds, in one kind of error."""
    try:
        yield
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is truncated or damaged ({reason})") from None
