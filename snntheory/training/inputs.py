"""What a user gives to train on, as tensors: images as intensities, labels as classes, the name of a device."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .. import _check
from . import encoders

if TYPE_CHECKING:
    from .event_network import EventNetwork
    from .network import Network


def as_inputs(images: Any) -> torch.Tensor:
    """Images as intensities in [0, 1], shape (n, n_inputs), float32: bytes are divided by 255.

    Raises
    ------
    ValueError, TypeError
        Fewer than two dimensions, no samples, values outside [0, 1], NaN.
    """
    array = np.asarray(images)
    if array.ndim < 2 or not len(array):
        raise ValueError(f"images must have shape (n, ...) with n at least 1, got {array.shape}")
    flat = array.reshape(len(array), -1)
    if flat.dtype == np.uint8:
        return torch.from_numpy(flat.astype(np.float32) / np.float32(255))
    checked = _check.array("images", flat)
    if checked.min() < 0 or checked.max() > 1:
        raise ValueError(f"images must lie in [0, 1], got values from {checked.min():g} to {checked.max():g}")
    return torch.from_numpy(checked.astype(np.float32))


def as_labels(labels: Any, n: int, n_classes: int) -> torch.Tensor:
    """Labels as int64, shape (n,), each below ``n_classes``."""
    array = np.asarray(labels)
    if array.shape != (n,) or array.dtype.kind not in "iu":
        raise ValueError(f"labels must be {n} integers, one for each image, got {array.dtype} {array.shape}")
    if array.min() < 0 or array.max() >= n_classes:
        raise ValueError(f"labels must lie in 0 .. {n_classes - 1}, got {array.min()} .. {array.max()}")
    return torch.from_numpy(array.astype(np.int64))


def inputs_of(network: Network | EventNetwork, images: Any, encoder: encoders.Encoder) -> torch.Tensor:
    """Inputs that fit the network after the encoder has added its own, by :func:`as_inputs`."""
    inputs = as_inputs(images)
    expected = network.sizes[0] - encoder.extra_inputs
    if inputs.shape[1] != expected:
        beside = f", beside {encoder.extra_inputs} of the encoder" if encoder.extra_inputs else ""
        raise ValueError(
            f"images must have {expected} values each, as the network{beside}, got {inputs.shape[1]}"
        )
    return inputs


def as_labelled(
    network: Network | EventNetwork, images: Any, labels: Any, encoder: encoders.Encoder
) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and classes that fit the network, by :func:`inputs_of` and :func:`as_labels`."""
    inputs = inputs_of(network, images, encoder)
    return inputs, as_labels(labels, len(inputs), network.sizes[-1])


def device_of(device: str) -> torch.device:
    """The torch device of a name such as ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ValueError
        The name is another one, or the device is not there.
    """
    if not re.fullmatch(r"cpu|cuda(:\d+)?", str(device)):
        raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:N', got {device!r}")
    found = torch.device(device)
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device {device!r} is not available: torch {torch.__version__} sees no GPU; use 'cpu'"
        )
    return found


def digest(inputs: torch.Tensor, classes: torch.Tensor) -> str:
    """SHA-256 of inputs and classes: a training goes on with the data that it began with."""
    found = hashlib.sha256(inputs.numpy().tobytes())
    found.update(classes.numpy().tobytes())
    return found.hexdigest()
