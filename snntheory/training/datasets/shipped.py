"""What ships with the package: ten thousand digits, Fisher's irises, and the generator of Yin-Yang."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from ... import _check, _files
from .own_files import Labelled

SPLITS = ("train", "validation", "test")
_PACKAGE = "snntheory.training"


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
    folder = resources.files(_PACKAGE) / "data"
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
    folder = resources.files(_PACKAGE) / "data"
    facts = json.loads((folder / "iris.json").read_text(encoding="utf-8"))
    with resources.as_file(folder / "iris.csv") as path:
        if _files.sha256(path) != facts["sha256"]:
            raise ValueError(
                f"{path} is damaged: its SHA-256 is not {facts['sha256']}; reinstall the package"
            )
        table = np.loadtxt(path, delimiter=",", skiprows=1)
    return table[:, :4].copy(), table[:, 4].astype(np.int64)
