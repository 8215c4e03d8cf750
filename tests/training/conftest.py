"""What the tests of the trainer share: real digits, a small network, one thread."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.training import CountCrossEntropy, Network, Poisson, datasets

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:  # for small_datasets
    sys.path.insert(0, FOLDER)

NEURON = CubaLIF(0.020, 0.010)
ENCODER = Poisson(window=0.060)
LOSS = CountCrossEntropy(3.0)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small arrays gain nothing from threads, and lose much where other work runs beside them."""
    import numba

    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(before[0])
    numba.set_num_threads(before[1])


@pytest.fixture(scope="session")
def digits():
    """300 digits to train on and 300 to test on."""
    train, test = datasets.mnist_subset("train"), datasets.mnist_subset("test")
    return *(part[:300] for part in train), *(part[:300] for part in test)


@pytest.fixture
def small():
    """A problem of milliseconds: 40 samples of 6 inputs in 3 classes, and a factory of networks for it."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 40)
    images = 0.2 * rng.random((40, 6))
    images[np.arange(40), 2 * labels] += 0.7
    return images, labels, lambda **more: Network((6, 8, 3), NEURON, 0.004, **more)
