"""Checkpoints: one file that is either whole or not there, and never runs code when it is read."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from .. import _files
from . import encoders, losses
from .event_network import EventNetwork
from .network import Network

SCHEMA = "snntheory-checkpoint/1"
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
)
_FOREIGN = (KeyError, RuntimeError, TypeError, ValueError)


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: damaged, of another kind, or of another training."""


def save(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Write ``content`` (tensors, numbers, strings, lists, dicts) to ``path`` in one step.

    Raises
    ------
    OSError
        The folder is missing or not writable.
    """
    with _files.replacing(path) as temporary, open(temporary, "wb") as stream:
        try:
            torch.save({"schema": SCHEMA, **content}, stream)
        except RuntimeError as error:  # torch's word for a disk that is full
            raise OSError(" ".join(str(error).split())) from error


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    CheckpointError
        The file is truncated, damaged (its checksums are verified) or no checkpoint of this package.
    """
    return parse(content(path), path)


def content(path: str | os.PathLike[str]) -> bytes:
    """What is in a checkpoint's file, unread.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    CheckpointError
        It cannot be read, or is a folder.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no checkpoint at {path}")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _not_whole(path, error) from None


def parse(read: bytes, path: str | os.PathLike[str]) -> dict[str, Any]:
    """The checkpoint whose file ``path`` has this content; as :func:`load`."""
    try:
        stream = io.BytesIO(read)
        broken = _files.damaged_member(stream)
        if broken is not None:
            raise zipfile.BadZipFile(f"{broken} is damaged")
        stream.seek(0)
        found = torch.load(stream, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise _not_whole(path, error) from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise CheckpointError(
            f"{path} is no checkpoint of schema {SCHEMA!r}; was it written by another program?"
        )
    return found


def _not_whole(path: str | os.PathLike[str], error: Exception) -> CheckpointError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return CheckpointError(f"{path} is no whole checkpoint ({reason}); use an earlier one or train again")


def check_same(path: str | os.PathLike[str], state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Refuse a checkpoint whose settings are not those of the training that would go on from it.

    Raises
    ------
    CheckpointError
        The message lists the settings that differ.
    """
    before, now = _flat({name: state.get(name) for name in identity}), _flat(identity)
    differing = [name for name in (before | now) if before.get(name) != now.get(name)]
    if differing:
        said = ("other images or labels" if n == "data" else _change(n, before, now) for n in differing)
        raise CheckpointError(
            f"{path} belongs to another training: {', '.join(dict.fromkeys(said))}; "
            "resume with the same settings, or name another checkpoint"
        )


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested settings as one level: the last part of each name, behind that of a choice ("encoder window")."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        parts = {f"layer {number}": item for number, item in enumerate(value, 1)}.items()
    else:
        return {name: value}
    inner = name.removesuffix("neurons").strip()
    return {key: each for part, item in parts for key, each in _flat(item, f"{inner} {part}".strip()).items()}


def _change(name: str, before: dict[str, Any], now: dict[str, Any]) -> str:
    return f"{name.removesuffix(' name')} was {before.get(name)!r}, now {now.get(name)!r}"


def network_of(content: dict[str, Any], backend: str = "auto") -> Network | EventNetwork:
    """The trained network of a checkpoint's content."""
    try:
        kind: Any = EventNetwork if "kind" in content["network"] else Network
        network: Network | EventNetwork = kind.from_settings(content["network"], backend)
        network.load_state_dict(content["weights"])
    except _FOREIGN as error:
        raise _of_another_version("network", error) from None
    return network


def _of_another_version(part: str, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())  # torch's messages have several lines
    return CheckpointError(f"the checkpoint holds no {part} of this version ({reason})")


def load_network(
    path: str | os.PathLike[str],
) -> tuple[Network | EventNetwork, encoders.Encoder, losses.Loss]:
    """Network, encoder and loss of a checkpoint, for evaluating and recording.

    Parameters
    ----------
    path : path
        A file that :func:`snntheory.training.fit` or the command ``snntheory train`` wrote.

    Returns
    -------
    Network or EventNetwork
        With the trained weights, on the CPU.
    Poisson or Latency
    One of the losses of :mod:`snntheory.training.losses`

    Raises
    ------
    FileNotFoundError
        There is no such file.
    CheckpointError
        The file is damaged, no checkpoint, or of another version of this package.
    """
    content = load(path)
    network = network_of(content)
    try:
        return network, encoders.from_settings(content["encoder"]), losses.from_settings(content["loss"])
    except _FOREIGN as error:
        raise _of_another_version("encoder or loss", error) from None
