"""Labelled images from files of one's own: IDX files of MNIST's form, and NumPy's."""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load_images(images: str | os.PathLike[str], labels: str | os.PathLike[str] | None = None) -> Labelled:
    """Images and labels from files of one's own.

    Parameters
    ----------
    images : path
        An IDX file of MNIST's form (``.gz`` or not), or an ``.npz`` with arrays ``images`` and ``labels``,
        or an ``.npy`` of images.
    labels : path, optional
        An IDX file or ``.npy`` of labels; not needed with an ``.npz``.

    Returns
    -------
    images : ndarray of uint8, shape (n, height, width)
    labels : ndarray of int64, shape (n,)

    Raises
    ------
    FileNotFoundError
        A file is missing.
    ValueError
        A file is truncated, has another form, or the numbers of images and labels differ.
    """
    path = Path(images)
    if path.suffix == ".npz" and labels is None:
        archive = _open_numpy(path)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError(
                f"{path} is no .npz archive but a single array; call it .npy and name the labels"
            )
        with archive as arrays:
            missing = {"images", "labels"} - set(arrays.files)
            if missing:
                raise ValueError(
                    f"{path} must hold arrays 'images' and 'labels'; missing {', '.join(sorted(missing))}"
                )
            pixels, classes = _array(path, arrays, "images"), _array(path, arrays, "labels")
    elif labels is None:
        raise ValueError(f"labels must be given with {path}: name the file of labels")
    else:
        pixels, classes = _read(path), _read(Path(labels))
    if pixels.ndim != 3 or pixels.dtype != np.uint8:
        raise ValueError(
            f"images must be uint8 of shape (n, height, width), {path} has {pixels.dtype} {pixels.shape}"
        )
    if classes.ndim != 1 or classes.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers of shape (n,), got {classes.dtype} {classes.shape}")
    if len(pixels) != len(classes):
        raise ValueError(f"images and labels must be as many: {len(pixels)} images, {len(classes)} labels")
    if not len(pixels):
        raise ValueError(f"images must not be empty: {path} holds none")
    return pixels, classes.astype(np.int64)


def _open_numpy(path: Path) -> np.lib.npyio.NpzFile | np.ndarray:
    try:
        # from memory: numpy leaves a file open when the archive in it is damaged
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, tokenize.TokenError) as error:
        raise ValueError(
            f"{path} is no readable NumPy file: truncated, damaged or pickled ({error})"
        ) from None
    return loaded


def _array(path: Path, arrays: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    try:
        return arrays[name]
    except (ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged or pickled at array {name!r} ({error})") from None


def _read(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        content = _open_numpy(path)
        if not isinstance(content, np.ndarray):
            raise ValueError(f"{path} is no .npy array but an archive; call it .npz")
        return content
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as stream:
            return read_idx(stream, str(path))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is truncated or no gzip file ({error})") from None


def read_idx(stream: Any, name: str) -> NDArray[np.uint8]:
    """The array of an IDX stream of unsigned bytes; no more is read than its head promises, and one byte to see.

    Raises
    ------
    ValueError
        The head is not that of bytes, or more or fewer follow than it promises; ``name`` stands in the message.
    """
    head = stream.read(4)
    sizes = stream.read(4 * head[3]) if len(head) == 4 and head[:3] == b"\x00\x00\x08" else b""
    if not sizes or len(sizes) < 4 * head[3]:
        raise ValueError(f"{name} is no IDX file of unsigned bytes (nor .npz, .npy): its head is {head!r}")
    shape = struct.unpack(f">{head[3]}I", sizes)
    promised = math.prod(shape)
    body = read_at_most(
        stream, promised + 1
    )  # past the end: that is where a compressed file's sum is checked
    if len(body) != promised:
        kind = "truncated" if len(body) < promised else "damaged"
        has = f"{len(body)}" if len(body) < promised else "more"
        raise ValueError(f"{name} is {kind}: its head promises {promised} bytes, it has {has}")
    return np.frombuffer(body, np.uint8).reshape(shape)


def read_at_most(stream: Any, limit: int) -> bytes:
    """The bytes of a stream, ``limit`` of them at most; memory is taken as they come, not as they are promised."""
    parts, left = [], limit
    while left and (part := stream.read(min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
