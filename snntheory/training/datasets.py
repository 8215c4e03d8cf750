"""Labelled images and samples: what ships with the package, and files of one's own."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import tokenize
import zipfile
import zlib
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import _check, _files

SPLITS = ("train", "validation", "test")
Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]


def mnist_subset(split: str) -> Labelled:
    """The 10,000 handwritten digits that ship with the package: 8,000 to train on, 2,000 to test on.

    Parameters
    ----------
    split : {"train", "test"}

    Returns
    -------
    images : ndarray of uint8, shape (n, 28, 28)
    labels : ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        Unknown split, or the shipped file is damaged.

    References
    ----------
    The first 10,000 images of the MNIST training set, shuffled (CC BY-SA 3.0); digest and source in
    ``training/data/mnist10k.json``.
    """
    _check.choice("split", split, ("train", "test"))
    folder = resources.files(__package__) / "data"
    facts = json.loads((folder / "mnist10k.json").read_text(encoding="utf-8"))
    with resources.as_file(folder / "mnist10k.npz") as path:
        if _files.sha256(path) != facts["sha256"]:
            raise ValueError(
                f"{path} is damaged: its SHA-256 is not {facts['sha256']}; reinstall the package"
            )
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"].astype(np.int64)
    part = slice(0, 8000) if split == "train" else slice(8000, None)
    return images[part], labels[part]


def yin_yang(split: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Yin-Yang: points of a disc in three classes, made afresh, bit for bit as published.

    Parameters
    ----------
    split : {"train", "validation", "test"}
        5000, 1000 and 1000 samples (seeds 42, 41, 40).

    Returns
    -------
    features : ndarray of float64, shape (n, 4)
        ``(x, y, 1 - x, 1 - y)``.
    labels : ndarray of int64, shape (n,)
        0 yin, 1 yang, 2 dot.

    References
    ----------
    Kriener, Göltz, Petrovici: The Yin-Yang dataset (2022).
    """
    _check.choice("split", split, SPLITS)
    size, seed = {"train": (5000, 42), "validation": (1000, 41), "test": (1000, 40)}[split]
    big, small = 0.5, 0.1
    random = np.random.RandomState(
        seed
    )  # the published generator; a RandomState of our own, not the global one

    def which(x: float, y: float) -> int:
        right = np.sqrt((x - 1.5 * big) ** 2 + (y - big) ** 2)
        left = np.sqrt((x - 0.5 * big) ** 2 + (y - big) ** 2)
        if right < small or left < small:
            return 2
        yang = right <= small or small < left <= 0.5 * big or (y > big and right > 0.5 * big)
        return int(yang)

    features, labels = np.empty((size, 4)), np.empty(size, np.int64)
    for index in range(size):
        goal = random.randint(3)
        while True:
            x, y = random.rand(2) * 2 * big
            if np.sqrt((x - big) ** 2 + (y - big) ** 2) <= big and which(x, y) == goal:
                break
        features[index], labels[index] = (x, y, 1 - x, 1 - y), goal
    return features, labels


def iris() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Fisher's irises: four lengths of 150 flowers of three species.

    Returns
    -------
    features : ndarray of float64, shape (150, 4)
        Length and width of the sepal, length and width of the petal, in cm.
    labels : ndarray of int64, shape (150,)
        0 setosa, 1 versicolor, 2 virginica; 50 each, in this order.

    Raises
    ------
    ValueError
        The shipped file is damaged.

    References
    ----------
    Fisher (1936); digest and source in ``training/data/iris.json``.
    """
    folder = resources.files(__package__) / "data"
    facts = json.loads((folder / "iris.json").read_text(encoding="utf-8"))
    with resources.as_file(folder / "iris.csv") as path:
        if _files.sha256(path) != facts["sha256"]:
            raise ValueError(
                f"{path} is damaged: its SHA-256 is not {facts['sha256']}; reinstall the package"
            )
        table = np.loadtxt(path, delimiter=",", skiprows=1)
    return table[:, :4].copy(), table[:, 4].astype(np.int64)


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
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is truncated or no gzip file ({error})") from None
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or len(raw) < 4 + 4 * raw[3]:
        raise ValueError(f"{path} is no IDX file of unsigned bytes (nor .npz, .npy): its head is {raw[:4]!r}")
    shape = struct.unpack(f">{raw[3]}I", raw[4 : 4 + 4 * raw[3]])
    body = raw[4 + 4 * raw[3] :]
    if len(body) != int(np.prod(shape)):
        raise ValueError(
            f"{path} is truncated: its head promises {int(np.prod(shape))} bytes, it has {len(body)}"
        )
    return np.frombuffer(body, np.uint8).reshape(shape)
